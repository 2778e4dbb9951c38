import type { IncomingMessage } from 'node:http'
import { S3Error } from './errors.ts'

/** Longest key in UTF-8 bytes (Amazon S3 user guide, "Object key naming"). */
const MAX_KEY_BYTES = 1024

/** An HTTP request read the way S3 reads it: path-style bucket and key, decoded once. */
export interface S3Request {
  readonly raw: IncomingMessage
  readonly method: string
  /** The decoded path, with its leading slash: what the canonical request is built from. */
  readonly path: string
  /** '' for the service itself. */
  readonly bucket: string
  /** '' for the bucket itself. */
  readonly key: string
  /** Decoded query pairs in the order they came, repeated names included. */
  readonly query: readonly (readonly [string, string])[]
}

/**
 * @throws S3Error InvalidURI when the target is not percent-encoded UTF-8, KeyTooLongError above 1,024 bytes
 */
export function readRequest(raw: IncomingMessage): S3Request {
  const target = raw.url ?? '/'
  if (!/^\/[\x21-\x7e]*$/.test(target)) throw invalidUri()
  const mark = target.indexOf('?')
  const path = decode(mark < 0 ? target : target.slice(0, mark))
  const slash = path.indexOf('/', 1)
  const bucket = slash < 0 ? path.slice(1) : path.slice(1, slash)
  const key = slash < 0 ? '' : path.slice(slash + 1)
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw keyTooLong()
  return {
    raw,
    method: raw.method ?? 'GET',
    path,
    bucket,
    key,
    query: readQuery(mark < 0 ? '' : target.slice(mark + 1)),
  }
}

/** First value of a query parameter; '' when it stands without a value. */
export function queryValue(request: S3Request, name: string): string | undefined {
  return request.query.find(([key]) => key === name)?.[1]
}

/**
 * A header's value. SDKs move x-amz-* headers of presigned requests into the query, where they mean the same.
 * @param name in lower case
 */
export function headerValue(request: S3Request, name: string): string | undefined {
  const value = request.raw.headersDistinct[name]?.join(',')
  if (value !== undefined || !name.startsWith('x-amz-')) return value
  return request.query.find(([key]) => key.toLowerCase() === name)?.[1]
}

/**
 * A whole number from the query, within bounds.
 * @throws S3Error InvalidArgument
 */
export function queryInteger(request: S3Request, name: string, fallback: number, min: number, max: number): number {
  const text = queryValue(request, name)
  if (text === undefined || text === '') return fallback
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (!(value >= min && value <= max)) {
    throw new S3Error('InvalidArgument', `${name} must be an integer between ${min} and ${max}.`)
  }
  return value
}

/**
 * Percent-decodes; a plus is a space, as in S3 (a literal plus must come as %2B).
 * @throws S3Error InvalidURI
 */
export function decode(text: string): string {
  try {
    return decodeURIComponent(text.replace(/\+/g, ' '))
  } catch {
    throw invalidUri()
  }
}

export function keyTooLong(): S3Error {
  return new S3Error('KeyTooLongError', `Your key is too long: the most is ${MAX_KEY_BYTES} bytes of UTF-8.`)
}

function readQuery(text: string): [string, string][] {
  return text
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=')
      return equals < 0 ? [decode(pair), ''] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))]
    })
}

function invalidUri(): S3Error {
  return new S3Error('InvalidURI', 'The request target is not percent-encoded UTF-8.')
}
