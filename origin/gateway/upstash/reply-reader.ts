import type { Answer, Expected } from './answer.ts'
import { JsonWriter } from './json-writer.ts'
import { integerBetween, ProtocolError } from './resp.ts'

const RESULT = Buffer.from('{"result":')
const ERROR = Buffer.from('{"error":')
const NULL = Buffer.from('null')
const OPEN = 0x5b
const CLOSE = 0x5d
const COMMA = 0x2c
const CLOSE_ENTRY = 0x7d
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
  readonly #out = new JsonWriter()
  readonly #begin: () => Expected | undefined
  readonly #finish: (answer: Answer) => void
  readonly #replyBytes: number

  #rest: Buffer[] = []
  #restLength = 0
  #needed = 0
  #skip = 0

  #expected: Expected | undefined
  #entryDepth = 0
  /** Elements still to come of each array that is open. */
  #open: number[] = []
  #first = true
  #replies = 0
  #entries = 0
  #failed = 0
  #discarded: string | undefined
  #status = 200
  #overflow = false

  /**
   * @param begin tells what the next reply belongs to; undefined: no reply is expected
   * @param finish receives the answer when the last expected reply is complete
   * @param replyBytes longest answer; a longer one is read to its end, thrown away, and answered with 507
   */
  constructor(begin: () => Expected | undefined, finish: (answer: Answer) => void, replyBytes: number) {
    this.#begin = begin
    this.#finish = finish
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
      this.#null()
    }
    if (this.#restLength > 0) {
      this.#restLength += bytes.length
      if (this.#restLength < this.#needed) {
        this.#rest.push(Buffer.from(bytes))
        return
      }
      this.#rest.push(bytes)
      bytes = Buffer.concat(this.#rest, this.#restLength)
      this.#rest = []
      this.#restLength = 0
    }
    let at = 0
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

  /** Reads one scalar or the head of one array; returns where the next begins, or -1 when it is not complete. */
  #value(bytes: Buffer, start: number): number {
    let end = start + 1
    while (end < bytes.length && bytes[end] !== CR) end++
    const next = end + 2
    if (next > bytes.length) {
      this.#needed = bytes.length - start + 1
      return -1
    }
    if (this.#expected === undefined) this.#start()
    switch (bytes[start]) {
      case BULK:
        return this.#bulk(bytes, start, integerBetween(bytes, start + 1, end), next)
      case INTEGER:
        // The digits as they are: JSON has no largest integer, and what a client makes of it is the client's affair.
        this.#before()
        this.#out.raw(bytes, start + 1, end)
        this.#after()
        return next
      case STATUS:
        this.#statusLine(bytes, start + 1, end)
        return next
      case ARRAY:
        this.#array(integerBetween(bytes, start + 1, end))
        return next
      case FAILURE:
        this.#error(bytes.toString('utf8', start + 1, end))
        return next
      default:
        throw new ProtocolError(`unexpected reply type 0x${bytes[start]?.toString(16)}`)
    }
  }

  #bulk(bytes: Buffer, start: number, length: number, body: number): number {
    if (length < 0) {
      this.#null()
      return body
    }
    const next = body + length + 2
    if (next > bytes.length) {
      if (length > this.#replyBytes) {
        this.#overflow = true
        this.#skip = next - bytes.length
      }
      this.#needed = next - start
      return -1
    }
    this.#before()
    if (this.#expected?.base64) this.#out.base64(bytes, body, body + length)
    else this.#out.text(bytes, body, body + length)
    this.#after()
    return next
  }

  #statusLine(bytes: Buffer, start: number, end: number): void {
    if (this.#isPreamble()) {
      this.#endReply()
      return
    }
    // A plain "OK" is the one string the SDK does not decode, and only where it stands alone.
    const isOk = end - start === 2 && bytes[start] === 0x4f && bytes[start + 1] === 0x4b
    const plain = !this.#expected?.base64 || (isOk && this.#open.length === this.#entryDepth)
    this.#before()
    if (plain) this.#out.text(bytes, start, end)
    else this.#out.base64(bytes, start, end)
    this.#after()
  }

  #null(): void {
    if (this.#isDiscardedExec()) {
      this.#error('EXECABORT Transaction discarded')
      return
    }
    this.#before()
    this.#out.raw(NULL, 0, NULL.length)
    this.#after()
  }

  #array(count: number): void {
    if (count < 0) {
      this.#null()
      return
    }
    this.#before()
    this.#out.byte(OPEN)
    if (count === 0) {
      this.#out.byte(CLOSE)
      this.#after()
      return
    }
    this.#open.push(count)
    this.#first = true
  }

  #error(text: string): void {
    if (this.#open.length > this.#entryDepth) {
      // Inside a value, such as a script's table of errors, there is no place for {"error"}: it is a string there.
      const bytes = Buffer.from(text)
      this.#before()
      if (this.#expected?.base64) this.#out.base64(bytes, 0, bytes.length)
      else this.#out.string(text)
      this.#after()
      return
    }
    if (this.#expected?.form === 'transaction' && this.#open.length === 0) {
      this.#discarded ??= text
      if (this.#isPreamble()) {
        this.#endReply()
        return
      }
      this.#errorEntry(this.#discarded)
      this.#status = 400
      this.#endReply()
      return
    }
    this.#errorEntry(text)
    if (this.#expected?.form === 'one') this.#status = 400
    this.#closeValue()
  }

  #errorEntry(text: string): void {
    if (this.#entries++ > 0) this.#out.byte(COMMA)
    this.#failed++
    this.#out.raw(ERROR, 0, ERROR.length)
    this.#out.string(text)
    this.#out.byte(CLOSE_ENTRY)
  }

  /** What stands before a value: a comma within an array, the opening of an entry where one begins. */
  #before(): void {
    const depth = this.#open.length
    if (depth === this.#entryDepth) {
      if (this.#entries++ > 0) this.#out.byte(COMMA)
      this.#out.raw(RESULT, 0, RESULT.length)
    } else if (depth > this.#entryDepth && !this.#first) this.#out.byte(COMMA)
    this.#first = false
  }

  /** What stands after a value: the end of its entry, of the arrays it was the last of, and of the reply. */
  #after(): void {
    if (this.#open.length === this.#entryDepth) this.#out.byte(CLOSE_ENTRY)
    this.#closeValue()
  }

  #closeValue(): void {
    if (this.#out.length > this.#replyBytes) this.#overflow = true
    if (this.#overflow) this.#out.reset()
    const open = this.#open
    for (;;) {
      const depth = open.length
      if (depth === 0) {
        this.#endReply()
        return
      }
      open[depth - 1]!--
      if (open[depth - 1]! > 0) return
      open.pop()
      this.#out.byte(CLOSE)
      this.#first = false
      if (depth - 1 === this.#entryDepth) this.#out.byte(CLOSE_ENTRY)
    }
  }

  #start(): void {
    const expected = this.#begin()
    if (expected === undefined) throw new ProtocolError('a reply that nothing asked for')
    this.#expected = expected
    this.#entryDepth = expected.form === 'transaction' ? 1 : 0
    this.#replies = 0
    this.#entries = 0
    this.#failed = 0
    this.#discarded = undefined
    this.#status = 200
    this.#overflow = false
    this.#first = true
    this.#out.reset()
    if (expected.form === 'pipeline') {
      this.#out.byte(OPEN)
      this.#refused(expected)
    }
  }

  #endReply(): void {
    const expected = this.#expected!
    this.#replies++
    if (expected.refused !== undefined) this.#refused(expected)
    if (this.#replies < expected.replies) return
    if (expected.form === 'pipeline') this.#out.byte(CLOSE)
    this.#expected = undefined
    const commands = this.#entries
    if (this.#overflow) {
      this.#out.reset()
      const body = Buffer.from(JSON.stringify({ error: `ERR answer is longer than ${this.#replyBytes} bytes` }))
      this.#finish({ status: 507, body, commands, failed: this.#failed })
      return
    }
    this.#finish({ status: this.#status, body: this.#out.take(), commands, failed: this.#failed })
  }

  /** Writes the errors of commands that were not sent and stand at this place of the pipeline. */
  #refused(expected: Expected): void {
    for (;;) {
      const text = expected.refused?.get(this.#entries)
      if (text === undefined) return
      this.#errorEntry(text)
    }
  }

  /** Whether this reply is MULTI's or a queued command's, which only say that EXEC will answer. */
  #isPreamble(): boolean {
    const expected = this.#expected!
    return expected.form === 'transaction' && this.#open.length === 0 && this.#replies + 1 < expected.replies
  }

  #isDiscardedExec(): boolean {
    return this.#expected?.form === 'transaction' && this.#open.length === 0
  }
}
