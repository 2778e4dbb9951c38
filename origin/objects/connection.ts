import { refusal, type SigningOptions, type StoreRequest, sendSigned } from './signed-fetch.ts'
import type { PutOptions } from './store.ts'

export interface S3ObjectsOptions {
  /** Where this process reaches the store, without the bucket: http://127.0.0.1:9000 */
  readonly endpoint: string
  /** Where clients reach it, when that is another address: presigned URLs are signed for this one. */
  readonly publicEndpoint?: string
  readonly bucket: string
  /** `auto` on R2. */
  readonly region: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Epoch milliseconds; default the system's. */
  readonly clock?: () => number
  /** How long to wait for an answer, beside the time that long bodies take to travel; default 10 s. */
  readonly timeoutMs?: number
}

/** What the methods of one store share: how to name things in its bucket, and how to send. */
export interface Connection {
  bucketUrl(query: Record<string, string>): string
  /** @throws RangeError for keys that a URL or a store cannot carry */
  objectUrl(key: string, query?: Record<string, string>): string
  /** For presigned requests. @throws RangeError */
  publicUrl(key: string, query?: Record<string, string>): string
  /** @returns the answer, whatever its status */
  send(request: StoreRequest): Promise<Response>
  /** @throws ObjectStoreError for any status but 2xx */
  sendOrThrow(request: StoreRequest): Promise<Response>
  readonly timeoutMs: number
  readonly signing: SigningOptions
}

export function connect(options: S3ObjectsOptions): Connection {
  const { endpoint, publicEndpoint = endpoint, bucket, region, credentials, timeoutMs = 10_000 } = options
  const signing = { region, credentials, clock: options.clock ?? Date.now }
  return {
    bucketUrl: (query) => withQuery(`${endpoint}/${bucket}`, query),
    objectUrl: (key, query = {}) => encodedObjectUrl(`${endpoint}/${bucket}`, key, query),
    publicUrl: (key, query = {}) => encodedObjectUrl(`${publicEndpoint}/${bucket}`, key, query),
    send: (request) => sendSigned(request, signing),
    async sendOrThrow(request) {
      const response = await sendSigned(request, signing)
      if (!response.ok) throw await refusal(response)
      return response
    },
    timeoutMs,
    signing,
  }
}

export function putHeaders({ contentType, cacheControl }: PutOptions): Record<string, string> {
  return { 'content-type': contentType, ...(cacheControl === undefined ? {} : { 'cache-control': cacheControl }) }
}

function encodedObjectUrl(base: string, key: string, query: Record<string, string>): string {
  const segments = key.split('/')
  if (key === '' || !key.isWellFormed() || Buffer.byteLength(key) > 1024) {
    throw new RangeError('An object key has 1 to 1,024 bytes of UTF-8.')
  }
  if (segments.includes('.') || segments.includes('..')) throw new RangeError('An object key has no segment . or ..')
  return withQuery(`${base}/${segments.map(encodeSegment).join('/')}`, query)
}

/** %20 for a space: some servers do not read + as one when they check the signature. */
function withQuery(url: string, query: Record<string, string>): string {
  const pairs = Object.entries(query).map(([name, value]) => `${encodeSegment(name)}=${encodeSegment(value)}`)
  return pairs.length === 0 ? url : `${url}?${pairs.join('&')}`
}

function encodeSegment(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}
