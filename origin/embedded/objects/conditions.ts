import type { ObjectMeta, Precondition } from './bucket.ts'
import { S3Error } from './errors.ts'
import { headerValue, type S3Request } from './request.ts'

/**
 * Evaluates a read's conditions in the order of RFC 9110 §13.2.2.
 * @returns whether 304 is the answer
 * @throws S3Error PreconditionFailed
 */
export function isNotModified(request: S3Request, meta: ObjectMeta): boolean {
  const ifMatch = headerValue(request, 'if-match')
  const unmodifiedSince = httpDate(headerValue(request, 'if-unmodified-since'))
  if (ifMatch !== undefined ? !matches(ifMatch, meta.etag) : wholeSecond(meta) > (unmodifiedSince ?? Infinity)) {
    throw preconditionFailed()
  }
  const ifNoneMatch = headerValue(request, 'if-none-match')
  if (ifNoneMatch !== undefined) return matches(ifNoneMatch, meta.etag)
  const modifiedSince = httpDate(headerValue(request, 'if-modified-since'))
  return modifiedSince !== undefined && wholeSecond(meta) <= modifiedSince
}

/**
 * A write's conditions: If-Match, and If-None-Match with `*`.
 * @throws S3Error NotImplemented for other forms of If-None-Match, as in S3
 */
export function writePrecondition(request: S3Request): Precondition | undefined {
  const ifMatch = headerValue(request, 'if-match')
  const ifNoneMatch = headerValue(request, 'if-none-match')
  if (ifNoneMatch !== undefined && ifNoneMatch.trim() !== '*') {
    throw new S3Error('NotImplemented', 'On writes, If-None-Match takes only *.')
  }
  if (ifMatch === undefined && ifNoneMatch === undefined) return undefined
  return (current) => {
    if (ifNoneMatch !== undefined && current) throw preconditionFailed()
    if (ifMatch === undefined) return
    if (!current) throw new S3Error('NoSuchKey', 'The specified key does not exist.')
    if (!matches(ifMatch, current.etag)) throw preconditionFailed()
  }
}

/** x-amz-copy-source-if-… of CopyObject. @throws S3Error PreconditionFailed */
export function requireCopySource(request: S3Request, source: ObjectMeta): void {
  const ifMatch = headerValue(request, 'x-amz-copy-source-if-match')
  const ifNoneMatch = headerValue(request, 'x-amz-copy-source-if-none-match')
  if (ifMatch !== undefined && !matches(ifMatch, source.etag)) throw preconditionFailed()
  if (ifNoneMatch !== undefined && matches(ifNoneMatch, source.etag)) throw preconditionFailed()
}

/** First and last byte, both included. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/**
 * The one range that a request asks for. Several ranges, other units, broken forms and an If-Range that does not hold mean the whole object.
 * @throws S3Error InvalidRange when no byte of the object lies inside
 */
export function requestedRange(request: S3Request, meta: ObjectMeta): ByteRange | undefined {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(headerValue(request, 'range')?.replace(/\s/g, '') ?? '')
  if (!match || (match[1] === '' && match[2] === '') || !ifRangeHolds(request, meta)) return undefined
  const [, first = '', last = ''] = match
  if (first !== '' && last !== '' && Number(first) > Number(last)) return undefined
  const start = first === '' ? Math.max(meta.size - Number(last), 0) : Number(first)
  const end = first === '' || last === '' ? meta.size - 1 : Math.min(Number(last), meta.size - 1)
  if (start > end) {
    throw new S3Error('InvalidRange', 'The requested range is not satisfiable.', {
      'content-range': `bytes */${meta.size}`,
    })
  }
  return { start, end }
}

function ifRangeHolds(request: S3Request, meta: ObjectMeta): boolean {
  const value = headerValue(request, 'if-range')?.trim()
  if (value === undefined) return true
  return value.startsWith('"') ? value === `"${meta.etag}"` : httpDate(value) === wholeSecond(meta)
}

/** A list of entity tags, with or without quotes, or `*`. */
function matches(header: string, etag: string): boolean {
  return header.split(',').some((part) => {
    const tag = part.trim().replace(/^W\//, '')
    return tag === '*' || tag.replace(/^"|"$/g, '') === etag
  })
}

/** HTTP dates have no fractions: compare what Last-Modified said. */
function wholeSecond(meta: ObjectMeta): number {
  return Math.floor(meta.lastModified / 1000) * 1000
}

function httpDate(text: string | undefined): number | undefined {
  const millis = Date.parse(text ?? '')
  return Number.isNaN(millis) ? undefined : millis
}

function preconditionFailed(): S3Error {
  return new S3Error('PreconditionFailed', 'At least one of the preconditions that you specified did not hold.')
}
