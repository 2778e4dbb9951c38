import { createHash } from 'node:crypto'
import type { PayloadClaim } from './authenticate.ts'
import { S3Error } from './errors.ts'
import { credentialScope, equalsInConstantTime, sha256Hex, sign } from './signature.ts'

const MAX_LINE_BYTES = 8192
const EMPTY_HASH = sha256Hex('')

/**
 * Unwraps a body in aws-chunked encoding, checking each chunk's signature where the request promised signatures.
 * Pieces come out before their chunk is verified: use none of them before the generator has ended without throwing.
 * @param onTrailer called with each trailing header, its name in lower case
 * @throws S3Error SignatureDoesNotMatch, IncompleteBody, InvalidRequest
 * @see AWS Signature Version 4: "Transferring Payload in Multiple Chunks (Chunked Upload)"
 */
export async function* decodeChunked(
  source: AsyncIterable<Buffer>,
  claim: PayloadClaim,
  onTrailer: (name: string, value: string) => void,
): AsyncGenerator<Buffer> {
  const reader = new ByteReader(source)
  const isSigned = claim.hash.startsWith('STREAMING-AWS4-HMAC-SHA256-PAYLOAD')
  let previous = claim.seed
  for (;;) {
    const [sizeText = '', extension = ''] = (await reader.line()).split(';')
    if (!/^[0-9a-fA-F]{1,12}$/.test(sizeText)) throw broken()
    const size = Number.parseInt(sizeText, 16)
    const hash = createHash('sha256')
    for await (const piece of reader.exactly(size)) {
      if (isSigned) hash.update(piece)
      yield piece
    }
    if (isSigned) previous = requireChunkSignature(claim, previous, extension, hash.digest('hex'))
    if (size === 0) break
    if ((await reader.line()) !== '') throw broken()
  }
  await readTrailers(reader, claim, previous, onTrailer)
}

async function readTrailers(
  reader: ByteReader,
  claim: PayloadClaim,
  previous: string,
  onTrailer: (name: string, value: string) => void,
): Promise<void> {
  let canonical = ''
  let signature = ''
  // A body without trailers may end right after its last chunk.
  for (let line = await reader.line(true); line !== ''; line = await reader.line(true)) {
    const colon = line.indexOf(':')
    if (colon < 1) throw broken()
    const name = line.slice(0, colon).trim().toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (name === 'x-amz-trailer-signature') signature = value
    else {
      canonical += `${name}:${value}\n`
      onTrailer(name, value)
    }
  }
  if (claim.hash !== 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER') return
  const { scope } = claim
  const lines = ['AWS4-HMAC-SHA256-TRAILER', scope.dateTime, credentialScope(scope), previous, sha256Hex(canonical)]
  requireEqual(signature, sign(claim.key, lines))
}

function requireChunkSignature(claim: PayloadClaim, previous: string, extension: string, hash: string): string {
  const { scope } = claim
  const expected = sign(claim.key, [
    'AWS4-HMAC-SHA256-PAYLOAD',
    scope.dateTime,
    credentialScope(scope),
    previous,
    EMPTY_HASH,
    hash,
  ])
  requireEqual(extension.replace(/^chunk-signature=/, ''), expected)
  return expected
}

function requireEqual(given: string, expected: string): void {
  if (!equalsInConstantTime(given, expected)) {
    throw new S3Error('SignatureDoesNotMatch', "A chunk's signature does not match the one that we calculated.")
  }
}

function broken(): S3Error {
  return new S3Error('IncompleteBody', 'The body is not complete aws-chunked content.')
}

/** Lines and exact byte counts from a stream of buffers. */
class ByteReader {
  readonly #source: AsyncIterator<Buffer>
  #rest: Buffer = Buffer.alloc(0)

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]()
  }

  /** The next line without its CRLF. At the end of the stream '' when `endIsEmpty`, else IncompleteBody. */
  async line(endIsEmpty = false): Promise<string> {
    for (;;) {
      const end = this.#rest.indexOf('\r\n')
      if (end >= 0) {
        const line = this.#rest.toString('latin1', 0, end)
        this.#rest = this.#rest.subarray(end + 2)
        return line
      }
      if (this.#rest.length > MAX_LINE_BYTES) throw broken()
      const more = await this.#source.next()
      if (more.done && endIsEmpty && this.#rest.length === 0) return ''
      if (more.done) throw broken()
      this.#rest = Buffer.concat([this.#rest, more.value])
    }
  }

  async *exactly(count: number): AsyncGenerator<Buffer> {
    let left = count
    while (left > 0) {
      if (this.#rest.length === 0) {
        const more = await this.#source.next()
        if (more.done) throw broken()
        this.#rest = more.value
      }
      const piece = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(piece.length)
      left -= piece.length
      yield piece
    }
  }
}
