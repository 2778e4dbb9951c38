/** Where originals come from: one port, R2 or any store that speaks S3. */

import { AwsClient } from 'aws4fetch'
import type { Breaker } from '#core/breaker.ts'
import { IMAGE_LIMITS } from '#core/image/limits.ts'
import { refusals } from '#core/image/refusal.ts'
import { Problem } from '#core/problem.ts'
import type { Config, S3Settings } from './config.ts'

/** An original that was found but not read yet. */
export interface Original {
  /** Bytes, where the store tells before the body is read. */
  readonly size: number | undefined
  /** What the uploader declared, without parameters; undefined or octet-stream says nothing. */
  readonly contentType: string | undefined
  /**
   * All of its bytes, and not one past the limit.
   * @throws Problem 413 over the limit, 503 when the store breaks off.
   */
  read(): Promise<Uint8Array>
  /** It is not wanted. */
  cancel(): Promise<void>
}

export interface OriginalStore {
  /**
   * @returns undefined when there is no such object.
   * @throws Problem 502 when the store refuses, 503 when it cannot be reached.
   */
  open(key: string): Promise<Original | undefined>
}

/** How long the store may take for the whole of an original before the picture is given up for now. */
const STORE_TIMEOUT_MS = 5_000
const RETRY_AFTER_SECONDS = '2'

/** @param breaker while it is open, pictures that no cache has are refused at once instead of after the store's time */
export function originalStore(store: Config['store'], breaker: Breaker): OriginalStore {
  const originals = store.kind === 'r2' ? r2Originals(store.bucket) : s3Originals(store)
  /** A store that refuses, or has too much of an original, is there. */
  const tell = (fault: unknown) => {
    if (fault instanceof Problem && fault.status === 503) breaker.failed()
    else breaker.succeeded()
    throw fault
  }
  return {
    async open(key) {
      if (!breaker.allows()) throw storeAway('left alone for a moment')
      const found = await originals.open(key).catch(tell)
      if (found === undefined) {
        breaker.succeeded()
        return undefined
      }
      return {
        ...found,
        // Only now it has succeeded: a store may answer, and break off each time.
        async read() {
          const bytes = await found.read().catch(tell)
          breaker.succeeded()
          return bytes
        },
      }
    },
  }
}

function r2Originals(bucket: R2Bucket): OriginalStore {
  return {
    async open(key) {
      const object = await bucket.get(key).catch((cause: unknown) => {
        throw storeAway(cause)
      })
      if (!object) return undefined
      return original(object.body, object.size, bareType(object.httpMetadata?.contentType))
    },
  }
}

function s3Originals(settings: S3Settings): OriginalStore {
  const { accessKeyId, secretAccessKey, region } = settings
  const client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 })
  return {
    async open(key) {
      const response = await client
        .fetch(`${settings.endpoint}/${settings.bucket}/${key}`, {
          signal: AbortSignal.timeout(STORE_TIMEOUT_MS),
          // Our store has no reason to send us elsewhere, and we none to follow.
          redirect: 'manual',
        })
        .catch((cause: unknown) => {
          throw storeAway(cause)
        })
      if (response.ok && response.body) {
        const length = response.headers.get('content-length')
        const size = length === null ? undefined : Number(length)
        return original(response.body, size, bareType(response.headers.get('content-type')))
      }
      await response.body?.cancel()
      if (response.status === 404) return undefined
      throw response.status >= 500 ? storeAway(response.status) : storeRefused(response.status)
    },
  }
}

const bareType = (value: string | null | undefined) => value?.split(';')[0]?.trim().toLowerCase() || undefined

function storeAway(cause: unknown): Problem {
  return new Problem({
    status: 503,
    code: 'image-store-away',
    title: 'Temporarily unavailable',
    detail: 'The store of originals cannot be reached just now.',
    headers: { 'retry-after': RETRY_AFTER_SECONDS, 'cf-resized': 'err=9504' },
    cause,
  })
}

function storeRefused(status: number): Problem {
  return new Problem({
    status: 502,
    code: 'image-store-refused',
    title: 'Bad gateway',
    detail: 'The store of originals did not accept our request.',
    headers: { 'retry-after': RETRY_AFTER_SECONDS, 'cf-resized': 'err=9408' },
    cause: `the store answered ${status}`,
  })
}

/** @param size bytes, where the store tells */
export function original(
  body: ReadableStream<Uint8Array>,
  size: number | undefined,
  contentType: string | undefined,
): Original {
  return { size, contentType, read: () => readWhole(body, size), cancel: () => body.cancel() }
}

async function readWhole(body: ReadableStream<Uint8Array>, size: number | undefined): Promise<Uint8Array> {
  const limit = IMAGE_LIMITS.sourceBytes
  const tooLarge = () => refusals.tooLarge(`The original is larger than ${limit / 1024 / 1024} MB.`)
  if ((size ?? 0) > limit) {
    await body.cancel()
    throw tooLarge()
  }
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of body) {
      length += chunk.length
      if (length > limit) break
      chunks.push(chunk)
    }
  } catch (cause) {
    throw storeAway(cause)
  }
  if (length > limit) throw tooLarge()
  if (size !== undefined && length < size) throw storeAway('the body ended early')
  return joined(chunks, length)
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [first] = chunks
  if (first && chunks.length === 1) return first
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}
