import { createHash } from 'node:crypto'
import { ObjectStoreError } from './errors.ts'
import type { ObjectInfo, ObjectPage, ObjectStore, PutOptions, StoredObject, UploadRef } from './index.ts'
import { bareEtag, elements, elementText, urlDecoded, xmlText } from './replies.ts'
import { presign, refusal, type SigningOptions, type StoreRequest, sendSigned } from './signed-fetch.ts'

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
  /** How long to wait for an answer to anything but an upload; default 10 s. */
  readonly timeoutMs?: number
}

/** Most keys that one DeleteObjects takes. */
const DELETE_BATCH = 1000

/**
 * An object store over S3's protocol, path-style: the embedded one, R2, S3, MinIO, SeaweedFS.
 * No retries: who calls knows what may be repeated (ObjectStoreError.isTransient).
 */
export function s3Objects(options: S3ObjectsOptions): ObjectStore {
  const { endpoint, publicEndpoint = endpoint, bucket, region, credentials, timeoutMs = 10_000 } = options
  const signing: SigningOptions = { region, credentials, clock: options.clock ?? Date.now }
  const urlOf = (key: string, query: Record<string, string> = {}, base = endpoint): string =>
    objectUrl(base, bucket, key, query)
  const send = (request: StoreRequest): Promise<Response> => sendSigned(request, signing)
  const sendOrThrow = async (request: StoreRequest): Promise<Response> => {
    const response = await send(request)
    if (!response.ok) throw await refusal(response)
    return response
  }
  const open = async (method: 'GET' | 'HEAD', key: string, range?: string): Promise<Response | undefined> => {
    const headers: Record<string, string> = range === undefined ? {} : { range }
    const response = await send({ method, url: urlOf(key), headers, timeoutMs })
    if (response.ok) return response
    const error = await refusal(response)
    if (response.status === 404 && error.code !== 'NoSuchBucket') return undefined
    throw error
  }

  return {
    async put(key, body, put) {
      const response = await sendOrThrow({
        method: 'PUT',
        url: urlOf(key),
        headers: putHeaders(put),
        body: sendable(body),
      })
      await response.body?.cancel()
      return { etag: bareEtag(response.headers.get('etag')) }
    },
    async get(key, range) {
      const response = await open('GET', key, range && `bytes=${range.start}-${range.end ?? ''}`)
      return response && readObject(response)
    },
    async head(key) {
      const response = await open('HEAD', key)
      return response && readInfo(response)
    },
    async delete(keys) {
      // Keys that XML cannot carry go one by one.
      const single = keys.filter((key) => xmlText(key) === undefined)
      const batched = keys.filter((key) => xmlText(key) !== undefined)
      for (let at = 0; at < batched.length; at += DELETE_BATCH) {
        const request = deletion(bucketUrl(endpoint, bucket, { delete: '' }), batched.slice(at, at + DELETE_BATCH))
        await requireAllDeleted(await sendOrThrow({ ...request, timeoutMs }))
      }
      for (const key of single) await sendOrThrow({ method: 'DELETE', url: urlOf(key), timeoutMs })
    },
    async list(prefix, cursor) {
      const query = { 'list-type': '2', 'encoding-type': 'url', prefix }
      const url = bucketUrl(endpoint, bucket, cursor === undefined ? query : { ...query, 'continuation-token': cursor })
      return readPage(await (await sendOrThrow({ method: 'GET', url, timeoutMs })).text())
    },
    presignPut({ key, contentLength, checksumSha256, expiresSeconds, ...put }) {
      const headers = { ...putHeaders(put), 'content-length': byteCount(contentLength) }
      const checked = checksumSha256 === undefined ? headers : { ...headers, 'x-amz-checksum-sha256': checksumSha256 }
      return presign('PUT', urlOf(key, {}, publicEndpoint), checked, expiresSeconds, signing)
    },
    presignGet({ key, expiresSeconds, contentDisposition }) {
      const query = contentDisposition === undefined ? {} : { 'response-content-disposition': contentDisposition }
      return presign('GET', urlOf(key, query, publicEndpoint), {}, expiresSeconds, signing)
    },
    ...multipart({ send, sendOrThrow, urlOf, publicEndpoint, timeoutMs, signing }),
  }
}

interface Connection {
  send(request: StoreRequest): Promise<Response>
  sendOrThrow(request: StoreRequest): Promise<Response>
  urlOf(key: string, query?: Record<string, string>, base?: string): string
  publicEndpoint: string
  timeoutMs: number
  signing: SigningOptions
}

type MultipartMethods = Pick<
  ObjectStore,
  'createMultipart' | 'presignPart' | 'listParts' | 'completeMultipart' | 'abortMultipart'
>

function multipart({ send, sendOrThrow, urlOf, publicEndpoint, timeoutMs, signing }: Connection): MultipartMethods {
  return {
    async createMultipart({ key, ...put }) {
      const request = { method: 'POST', url: urlOf(key, { uploads: '' }), headers: putHeaders(put), timeoutMs } as const
      const xml = await (await sendOrThrow(request)).text()
      const uploadId = elementText(xml, 'UploadId')
      if (!uploadId) throw new ObjectStoreError('Unknown', 200, 'The object store gave no upload id.')
      return { uploadId }
    },
    presignPart({ key, uploadId, partNumber, contentLength, expiresSeconds }) {
      const url = urlOf(key, { partNumber: String(partNumber), uploadId }, publicEndpoint)
      return presign('PUT', url, { 'content-length': byteCount(contentLength) }, expiresSeconds, signing)
    },
    async listParts({ key, uploadId }) {
      const parts = []
      for (let marker: string | undefined = '0'; marker !== undefined; ) {
        const url = urlOf(key, { uploadId, 'part-number-marker': marker })
        const response = await send({ method: 'GET', url, timeoutMs })
        if (!response.ok) return whenUploadIsGone(await refusal(response), undefined)
        const xml = await response.text()
        for (const part of elements(xml, 'Part')) {
          const partNumber = Number(elementText(part, 'PartNumber'))
          parts.push({ partNumber, size: Number(elementText(part, 'Size')), etag: bareEtag(elementText(part, 'ETag')) })
        }
        marker = elementText(xml, 'IsTruncated') === 'true' ? elementText(xml, 'NextPartNumberMarker') : undefined
      }
      return parts
    },
    async completeMultipart({ key, uploadId, parts }) {
      const sorted = [...parts].sort((a, b) => a.partNumber - b.partNumber)
      const lines = sorted.map(
        ({ partNumber, etag }) =>
          `<Part><PartNumber>${partNumber}</PartNumber><ETag>"${xmlText(bareEtag(etag)) ?? ''}"</ETag></Part>`,
      )
      const body = `<CompleteMultipartUpload>${lines.join('')}</CompleteMultipartUpload>`
      const response = await sendOrThrow({ method: 'POST', url: urlOf(key, { uploadId }), body })
      // A store may begin its answer with 200 and fail afterwards: then the body says so.
      const xml = await response.clone().text()
      const etag = elementText(xml, 'ETag')
      if (etag === undefined) throw await refusal(response)
      return { etag: bareEtag(etag) }
    },
    async abortMultipart({ key, uploadId }: UploadRef) {
      const response = await send({ method: 'DELETE', url: urlOf(key, { uploadId }), timeoutMs })
      if (!response.ok) whenUploadIsGone(await refusal(response), undefined)
    },
  }
}

function whenUploadIsGone<T>(error: ObjectStoreError, value: T): T {
  if (error.code === 'NoSuchUpload') return value
  throw error
}

/** fetch takes no views of shared memory; everything else goes out without a copy. */
function sendable(body: Uint8Array | Blob): Uint8Array<ArrayBuffer> | Blob {
  if (body instanceof Blob) return body
  return isUnshared(body) ? body : new Uint8Array(body)
}

function isUnshared(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer
}

function putHeaders({ contentType, cacheControl }: PutOptions): Record<string, string> {
  return { 'content-type': contentType, ...(cacheControl === undefined ? {} : { 'cache-control': cacheControl }) }
}

function readObject(response: Response): StoredObject {
  const body = response.body ?? new Blob([]).stream()
  return { ...readInfo(response), body }
}

function readInfo({ headers }: Response): ObjectInfo {
  const whole = headers.get('content-range')?.split('/')[1] ?? headers.get('content-length')
  return {
    size: Number(whole ?? 0),
    etag: bareEtag(headers.get('etag')),
    contentType: headers.get('content-type') ?? 'binary/octet-stream',
    cacheControl: headers.get('cache-control') ?? undefined,
    lastModified: Date.parse(headers.get('last-modified') ?? '') || 0,
  }
}

function readPage(xml: string): ObjectPage {
  const items = elements(xml, 'Contents').map((item) => ({
    key: urlDecoded(elementText(item, 'Key') ?? ''),
    size: Number(elementText(item, 'Size')),
    etag: bareEtag(elementText(item, 'ETag')),
    lastModified: Date.parse(elementText(item, 'LastModified') ?? ''),
  }))
  const isTruncated = elementText(xml, 'IsTruncated') === 'true'
  return { items, cursor: isTruncated ? elementText(xml, 'NextContinuationToken') : undefined }
}

function deletion(url: string, keys: readonly string[]): StoreRequest {
  const objects = keys.map((key) => `<Object><Key>${xmlText(key) ?? ''}</Key></Object>`).join('')
  const body = `<Delete><Quiet>true</Quiet>${objects}</Delete>`
  const md5 = createHash('md5').update(body).digest('base64')
  return { method: 'POST', url, headers: { 'content-md5': md5, 'content-type': 'application/xml' }, body }
}

async function requireAllDeleted(response: Response): Promise<void> {
  const [error] = elements(await response.text(), 'Error')
  if (error === undefined) return
  const code = elementText(error, 'Code') ?? 'Unknown'
  throw new ObjectStoreError(code, response.status, `The object store did not delete: ${code}.`)
}

function objectUrl(base: string, bucket: string, key: string, query: Record<string, string>): string {
  const segments = key.split('/')
  if (key === '' || !key.isWellFormed() || Buffer.byteLength(key) > 1024) {
    throw new RangeError('An object key has 1 to 1,024 bytes of UTF-8.')
  }
  if (segments.includes('.') || segments.includes('..')) throw new RangeError('An object key has no segment . or ..')
  return withQuery(`${base}/${bucket}/${segments.map(encodeSegment).join('/')}`, query)
}

function bucketUrl(base: string, bucket: string, query: Record<string, string>): string {
  return withQuery(`${base}/${bucket}`, query)
}

/** %20 for a space: some servers do not read + as one when they check the signature. */
function withQuery(url: string, query: Record<string, string>): string {
  const pairs = Object.entries(query).map(([name, value]) => `${encodeSegment(name)}=${encodeSegment(value)}`)
  return pairs.length === 0 ? url : `${url}?${pairs.join('&')}`
}

function encodeSegment(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)
}

function byteCount(value: number): string {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError('contentLength must be a whole number of bytes.')
  return String(value)
}
