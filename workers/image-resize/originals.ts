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
  readonly body: ReadableStream<Uint8Array>
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
  return {
    async open(key) {
      if (!breaker.allows()) throw storeAway('left alone for a moment')
      try {
        const found = await originals.open(key)
        breaker.succeeded()
        return found
      } catch (error) {
        if (error instanceof Problem && error.status === 503) breaker.failed()
        throw error
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
      return { size: object.size, contentType: bareType(object.httpMetadata?.contentType), body: object.body }
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
        return {
          size: length === null ? undefined : Number(length),
          contentType: bareType(response.headers.get('content-type')),
          body: response.body,
        }
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

/**
 * Reads an original whole, and not a byte past the limit.
 * @throws Problem 413 over the limit, 503 when the store breaks off.
 */
export async function readOriginal(original: Original): Promise<Uint8Array> {
  const limit = IMAGE_LIMITS.sourceBytes
  const tooLarge = () => refusals.tooLarge(`The original is larger than ${limit / 1024 / 1024} MB.`)
  if ((original.size ?? 0) > limit) {
    await original.body.cancel()
    throw tooLarge()
  }
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of original.body) {
      length += chunk.length
      if (length > limit) break
      chunks.push(chunk)
    }
  } catch (cause) {
    throw storeAway(cause)
  }
  if (length > limit) throw tooLarge()
  if (original.size !== undefined && length < original.size) throw storeAway('the body ended early')
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
