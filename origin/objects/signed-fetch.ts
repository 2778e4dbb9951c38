import { AwsV4Signer } from 'aws4fetch'
import { ObjectStoreError } from './errors.ts'
import { elementText, parseXml } from './replies.ts'
import type { PresignedRequest } from './store.ts'

export interface SigningOptions {
  readonly region: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Epoch milliseconds. */
  readonly clock: () => number
}

export interface StoreRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  readonly url: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array<ArrayBuffer> | Blob | string
  /** How long to wait for the answer, in milliseconds, beside the time that long bodies take to travel. */
  readonly timeoutMs: number
}

/** Bodies that travel slower have come to a stop: between an origin and its store it is a thousand times this. */
const SLOWEST_BYTES_PER_MS = 256
/** Taken for the length of answers that do not say it: lists are shorter. */
const UNSTATED_BYTES = 4 * 1024 * 1024

/**
 * Signs in the header and sends. The payload is not part of the signature: it would have to be read twice.
 * @returns the answer, whatever its status; its body fails with the same error when it does not arrive in time
 * @throws ObjectStoreError Unreachable
 */
export async function sendSigned(request: StoreRequest, signing: SigningOptions): Promise<Response> {
  const { method, url, headers = {}, body, timeoutMs } = request
  const signed = await sign(signing, { method, url, headers, allHeaders: true })
  const deadline = new AbortController()
  const abortAfter = (ms: number, what: string) =>
    setTimeout(() => deadline.abort(unreachable(`${what} within ${ms} ms`)), ms).unref()
  const answering = abortAfter(timeoutMs + travelMs(lengthOf(body)), 'did not answer')
  try {
    const init = { method, headers: signed.headers, signal: deadline.signal, redirect: 'error' as const }
    const response = await fetch(signed.url, body === undefined ? init : { ...init, body })
    const length = Number(response.headers.get('content-length') ?? UNSTATED_BYTES)
    if (response.body === null) return response
    const arriving = abortAfter(timeoutMs + travelMs(length), 'did not send its answer to the end')
    // That of a long object would else hold on to it for an hour after it was read.
    const rest = onceOver(response.body, () => clearTimeout(arriving))
    return new Response(rest, { status: response.status, statusText: response.statusText, headers: response.headers })
  } catch (cause) {
    throw cause instanceof ObjectStoreError ? cause : unreachable('is unreachable', cause)
  } finally {
    clearTimeout(answering)
  }
}

/** The same bytes; `over` is told once they are read to their end, given up or failed. */
function onceOver(body: ReadableStream<Uint8Array>, over: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (!done) return controller.enqueue(value)
          over()
          controller.close()
        } catch (error) {
          over()
          throw error
        }
      },
      async cancel(reason) {
        over()
        await reader.cancel(reason)
      },
    },
    // Nothing is read ahead of who reads.
    { highWaterMark: 0 },
  )
}

const unreachable = (what: string, cause?: unknown) =>
  new ObjectStoreError('Unreachable', 0, `The object store ${what}.`, { cause })

const travelMs = (bytes: number) => Math.ceil(bytes / SLOWEST_BYTES_PER_MS)

function lengthOf(body: StoreRequest['body']): number {
  if (body === undefined) return 0
  if (typeof body === 'string') return Buffer.byteLength(body)
  return body instanceof Blob ? body.size : body.byteLength
}

/** The error that an answer stands for; consumes the body. */
export async function refusal(response: Response): Promise<ObjectStoreError> {
  const reply = parseXml(await response.text())
  const code = (reply && elementText(reply, 'Code')) ?? 'Unknown'
  const message = (reply && elementText(reply, 'Message')) ?? `status ${response.status}`
  return new ObjectStoreError(code, response.status, `The object store refused: ${code}: ${message}`)
}

/**
 * Signs into the query. All given headers are signed: the store refuses the request with others, so that a
 * content-length bounds the size and a content-type cannot be swapped.
 */
export async function presign(
  method: 'GET' | 'PUT',
  url: string,
  headers: Readonly<Record<string, string>>,
  expiresSeconds: number,
  signing: SigningOptions,
): Promise<PresignedRequest> {
  if (!Number.isInteger(expiresSeconds) || expiresSeconds < 1 || expiresSeconds > 604_800) {
    throw new RangeError('expiresSeconds must be an integer from 1 to 604,800.')
  }
  const target = new URL(url)
  target.searchParams.set('X-Amz-Expires', String(expiresSeconds))
  const signed = await sign(signing, { method, url: target.href, headers, signQuery: true, allHeaders: true })
  // The signer writes spaces of the query as +, which not every server reads back as a space; a real plus is %2B.
  signed.url.search = signed.url.search.replaceAll('+', '%20')
  const signedAt = Math.floor(signing.clock() / 1000) * 1000
  return { method, url: signed.url.href, headers, expiresAt: signedAt + expiresSeconds * 1000 }
}

type SignerInput = Pick<ConstructorParameters<typeof AwsV4Signer>[0], 'method' | 'signQuery' | 'allHeaders'> & {
  url: string
  headers: Readonly<Record<string, string>>
}

function sign(
  { region, credentials, clock }: SigningOptions,
  input: SignerInput,
): Promise<{ url: URL; headers: Headers }> {
  const datetime = new Date(clock()).toISOString().replace(/[:-]|\.\d{3}/g, '')
  return new AwsV4Signer({ ...input, ...credentials, service: 's3', region, datetime }).sign()
}
