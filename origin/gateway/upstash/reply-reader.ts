import type { Answer, Expected } from './answer.ts'
import { AnswerWriter } from './answer-writer.ts'
import { integerBetween, ProtocolError } from './resp.ts'

const CR = 0x0d

const STATUS = 0x2b
const FAILURE = 0x2d
const INTEGER = 0x3a
const BULK = 0x24
const ARRAY = 0x2a

/**
 * Turns RESP2 replies into the JSON that Upstash's REST API answers, byte by byte and without building values.
 *
 * Resumable: what arrives is parsed once. Only the last, incomplete element of a chunk is kept, and a long bulk string
 * is put together once, when all of it is there, so the work stays linear in the size of a reply.
 */
export class ReplyReader {
  readonly #answer: AnswerWriter
  readonly #replyBytes: number

  #rest: Buffer[] = []
  #restLength = 0
  #needed = 0
  #skip = 0

  /**
   * @param begin tells what the next reply belongs to; undefined: no reply is expected
   * @param finish receives the answer when the last expected reply is complete
   * @param replyBytes longest answer; a longer one is read to its end, thrown away, and answered with 507
   */
  constructor(begin: () => Expected | undefined, finish: (answer: Answer) => void, replyBytes: number) {
    this.#answer = new AnswerWriter(begin, finish, replyBytes)
    this.#replyBytes = replyBytes
  }

  /**
   * Takes the next bytes from Redis. They are not kept: the caller may reuse the buffer.
   *
   * @throws {ProtocolError} when they are not RESP2, or nothing was asked for
   */
  push(chunk: Buffer): void {
    let bytes = chunk
    if (this.#skip > 0) {
      const skipped = Math.min(this.#skip, bytes.length)
      this.#skip -= skipped
      if (this.#skip > 0) return
      bytes = bytes.subarray(skipped)
      this.#answer.nothing()
    }
    let at = 0
    if (this.#restLength > 0) {
      at = this.#complete(bytes)
      if (this.#skip > 0) {
        this.push(bytes.subarray(at))
        return
      }
    }
    while (at < bytes.length) {
      const next = this.#value(bytes, at)
      if (next < 0) break
      at = next
    }
    if (at < bytes.length && this.#skip === 0) {
      this.#rest = [Buffer.from(bytes.subarray(at))]
      this.#restLength = bytes.length - at
    }
  }

  /**
   * Puts the incomplete element together with as much of the chunk as it lacks, and not with all of it: a chunk is 64 KB.
   * Returns how much of the chunk that took.
   */
  #complete(chunk: Buffer): number {
    let at = 0
    while (at < chunk.length) {
      const taken = chunk.subarray(at, at + this.#needed - this.#restLength)
      at += taken.length
      this.#restLength += taken.length
      if (this.#restLength < this.#needed) {
        this.#rest.push(Buffer.from(taken))
        return at
      }
      const element = Buffer.concat([...this.#rest, taken], this.#restLength)
      this.#rest = []
      this.#restLength = 0
      if (this.#value(element, 0) >= 0 || this.#skip > 0) return at
      this.#rest = [element]
      this.#restLength = element.length
    }
    return at
  }

  /** Reads one scalar or the head of one array; returns where the next begins, or -1 when it is not complete. */
  #value(bytes: Buffer, start: number): number {
    let end = start + 1
    while (end < bytes.length && bytes[end] !== CR) end++
    const next = end + 2
    if (next > bytes.length) {
      this.#needed = bytes.length - start + 1
      return -1
    }
    if (!this.#answer.isWriting) this.#answer.start()
    switch (bytes[start]) {
      case BULK:
        return this.#bulk(bytes, start, integerBetween(bytes, start + 1, end), next)
      case INTEGER:
        this.#answer.integer(bytes, start + 1, end)
        return next
      case STATUS:
        this.#answer.status(bytes, start + 1, end)
        return next
      case ARRAY:
        this.#answer.array(integerBetween(bytes, start + 1, end))
        return next
      case FAILURE:
        this.#answer.failure(bytes.toString('utf8', start + 1, end))
        return next
      default:
        throw new ProtocolError(`unexpected reply type 0x${bytes[start]?.toString(16)}`)
    }
  }

  #bulk(bytes: Buffer, start: number, length: number, body: number): number {
    if (length < 0) {
      this.#answer.nothing()
      return body
    }
    const next = body + length + 2
    if (next > bytes.length) {
      if (length > this.#replyBytes) {
        this.#answer.giveUp()
        this.#skip = next - bytes.length
      }
      this.#needed = next - start
      return -1
    }
    this.#answer.text(bytes, body, body + length)
    return next
  }
}
