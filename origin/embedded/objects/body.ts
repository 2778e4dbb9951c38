import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { crc32 } from 'node:zlib'
import type { PayloadClaim } from './authenticate.ts'
import { decodeChunked } from './chunked.ts'
import { S3Error } from './errors.ts'
import { headerValue, type S3Request } from './request.ts'

/** A body that was written, and that is what the request said it would be. */
export interface ReceivedBody {
  readonly size: number
  /** MD5 in hex: the ETag of an object put in one piece. */
  readonly md5: string
  /** Checksums that the client sent and that were found right: algorithm → base64. */
  readonly checksums: Readonly<Record<string, string>>
}

interface Digest {
  update(data: Buffer): unknown
  base64(): string
}

/** Above the longest document: a completion that names 10,000 parts. */
const MAX_TEXT_BYTES = 4 * 1024 * 1024
const CHECKSUM_HEADER = /^x-amz-checksum-(sha256|sha1|crc32|crc32c|crc64nvme)$/

/**
 * Streams a request's body into a file, verifying everything that the request says about it: exact length, signed
 * hash or chunk signatures, Content-MD5, x-amz-checksum-* (as header or trailer).
 * @param maxBytes of the decoded body
 * @throws S3Error MissingContentLength, EntityTooLarge, IncompleteBody, BadDigest, XAmzContentSHA256Mismatch, …
 */
export async function receiveBody(
  request: S3Request,
  response: ServerResponse,
  claim: PayloadClaim,
  file: FileHandle,
  maxBytes: number,
): Promise<ReceivedBody> {
  const isChunked = claim.hash.startsWith('STREAMING-')
  const { expectedSize, expected, digests } = admit(request, response, claim, { isChunked, maxBytes })
  const onTrailer = (name: string, value: string): void => {
    const algorithm = CHECKSUM_HEADER.exec(name)?.[1]
    if (algorithm && expected.has(algorithm)) expected.set(algorithm, value)
  }
  const raw = bodyOf(request)
  const source = isChunked ? decodeChunked(raw, claim, onTrailer) : raw
  let size = 0
  await file.writeFile(
    (async function* metered() {
      for await (const chunk of source) {
        size += chunk.length
        if (size > expectedSize) throw incomplete()
        for (const digest of digests.values()) digest.update(chunk)
        yield chunk
      }
    })(),
  )
  if (size !== expectedSize) throw incomplete()
  return verified(request, claim, size, digests, expected)
}

/**
 * A small body, such as an XML document, in memory.
 * @throws S3Error as `receiveBody` does
 */
export async function receiveText(request: S3Request, response: ServerResponse, claim: PayloadClaim): Promise<string> {
  const bounds = { isChunked: false, maxBytes: MAX_TEXT_BYTES }
  const { expectedSize, expected, digests } = admit(request, response, claim, bounds)
  const chunks: Buffer[] = []
  for await (const chunk of bodyOf(request)) {
    for (const digest of digests.values()) digest.update(chunk)
    chunks.push(chunk)
  }
  const body = Buffer.concat(chunks)
  if (body.length !== expectedSize) throw incomplete()
  verified(request, claim, body.length, digests, expected)
  return body.toString('utf8')
}

/** Reads from the headers what the body has to be, and lets a client that asked send it. */
function admit(
  request: S3Request,
  response: ServerResponse,
  claim: PayloadClaim,
  { isChunked, maxBytes }: { isChunked: boolean; maxBytes: number },
) {
  const expectedSize = declaredSize(request, isChunked)
  if (expectedSize > maxBytes)
    throw new S3Error('EntityTooLarge', `The most that may be sent here is ${maxBytes} bytes.`)
  const expected = expectedChecksums(request)
  const digests = createDigests(expected, claim)
  continueIfAsked(request, response)
  return { expectedSize, expected, digests }
}

/** A refusal in the middle must not destroy the stream: its connection still has to carry the answer. */
function bodyOf(request: S3Request): AsyncIterable<Buffer> {
  return request.raw.iterator({ destroyOnReturn: false })
}

function declaredSize(request: S3Request, isChunked: boolean): number {
  const text = headerValue(request, isChunked ? 'x-amz-decoded-content-length' : 'content-length')
  if (text === undefined || !/^\d{1,15}$/.test(text)) {
    throw new S3Error('MissingContentLength', 'You must provide the Content-Length HTTP header.')
  }
  return Number(text)
}

/** Algorithm → base64, '' where the value comes in a trailer. */
function expectedChecksums(request: S3Request): Map<string, string> {
  const trailers = (headerValue(request, 'x-amz-trailer') ?? '').toLowerCase().split(',')
  const queried = request.query.map(([name]) => name.toLowerCase())
  const names = [...Object.keys(request.raw.headersDistinct), ...queried, ...trailers.map((name) => name.trim())]
  const expected = new Map<string, string>()
  for (const name of names) {
    const algorithm = CHECKSUM_HEADER.exec(name)?.[1]
    if (algorithm) expected.set(algorithm, headerValue(request, name) ?? '')
  }
  return expected
}

function createDigests(expected: Map<string, string>, claim: PayloadClaim): Map<string, Digest> {
  const digests = new Map([['md5', hashDigest('md5')]])
  if (/^[0-9a-f]{64}$/.test(claim.hash)) digests.set('sha256', hashDigest('sha256'))
  for (const algorithm of expected.keys()) digests.set(algorithm, checksumDigest(algorithm))
  return digests
}

function checksumDigest(algorithm: string): Digest {
  if (algorithm === 'sha256' || algorithm === 'sha1') return hashDigest(algorithm)
  if (algorithm !== 'crc32') throw new S3Error('NotImplemented', `Checksums by ${algorithm} are not implemented.`)
  let value = 0
  return {
    update: (data) => {
      value = crc32(data, value)
    },
    base64: () => {
      const bytes = Buffer.alloc(4)
      bytes.writeUInt32BE(value)
      return bytes.toString('base64')
    },
  }
}

function hashDigest(algorithm: 'md5' | 'sha1' | 'sha256'): Digest {
  const hash = createHash(algorithm)
  return { update: (data) => hash.update(data), base64: () => hash.digest('base64') }
}

function verified(
  request: S3Request,
  claim: PayloadClaim,
  size: number,
  digests: Map<string, Digest>,
  expected: Map<string, string>,
): ReceivedBody {
  const actual = new Map([...digests].map(([algorithm, digest]) => [algorithm, digest.base64()]))
  const hex = (algorithm: string): string => Buffer.from(actual.get(algorithm) ?? '', 'base64').toString('hex')
  if (/^[0-9a-f]{64}$/.test(claim.hash) && hex('sha256') !== claim.hash) {
    throw new S3Error('XAmzContentSHA256Mismatch', 'The provided x-amz-content-sha256 does not match the body.')
  }
  const contentMd5 = headerValue(request, 'content-md5')
  if (contentMd5 !== undefined) requireDigest('Content-MD5', contentMd5, actual.get('md5'), 24)
  for (const [algorithm, value] of expected) requireDigest(algorithm, value, actual.get(algorithm), 0)
  return { size, md5: hex('md5'), checksums: Object.fromEntries(expected) }
}

function requireDigest(name: string, given: string, actual: string | undefined, length: number): void {
  if (given === '' || (length > 0 && given.length !== length)) {
    throw new S3Error('InvalidDigest', `The ${name} that you specified is not valid.`)
  }
  if (given !== actual) throw new S3Error('BadDigest', `The ${name} that you specified did not match what we received.`)
}

/** Expect: 100-continue is answered only now, so that a refused upload is never sent. */
function continueIfAsked(request: S3Request, response: ServerResponse): void {
  if (headerValue(request, 'expect')?.toLowerCase() === '100-continue') response.writeContinue()
}

function incomplete(): S3Error {
  return new S3Error(
    'IncompleteBody',
    'You did not provide the number of bytes specified by the Content-Length header.',
  )
}
