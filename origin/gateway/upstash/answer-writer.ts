import type { Answer, Expected } from './answer.ts'
import { JsonWriter } from './json-writer.ts'
import { ProtocolError } from './resp.ts'

const RESULT = Buffer.from('{"result":')
const ERROR = Buffer.from('{"error":')
const NULL = Buffer.from('null')
const OPEN = 0x5b
const CLOSE = 0x5d
const COMMA = 0x2c
const CLOSE_ENTRY = 0x7d

/**
 * Writes the values of replies, as they come, into the JSON that Upstash's REST API answers: an entry a reply, a list for
 * a pipeline, the entries of EXEC's reply for a transaction.
 */
export class AnswerWriter {
  readonly #out = new JsonWriter()
  readonly #begin: () => Expected | undefined
  readonly #finish: (answer: Answer) => void
  readonly #replyBytes: number

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
  #ends: number[] | undefined

  /** @param replyBytes longest answer; a longer one is thrown away, and answered with 507 */
  constructor(begin: () => Expected | undefined, finish: (answer: Answer) => void, replyBytes: number) {
    this.#begin = begin
    this.#finish = finish
    this.#replyBytes = replyBytes
  }

  /** Whether a reply has begun and its answer is not complete. */
  get isWriting(): boolean {
    return this.#expected !== undefined
  }

  /** A string that is longer than the answer may be will not come: `nothing` takes its place. */
  giveUp(): void {
    this.#overflow = true
  }

  /** Digits as they are: JSON has no largest integer, and what a client makes of it is the client's affair. */
  integer(bytes: Buffer, start: number, end: number): void {
    this.#before()
    this.#out.raw(bytes, start, end)
    this.#after()
  }

  text(bytes: Buffer, start: number, end: number): void {
    this.#before()
    if (this.#expected?.base64) this.#out.base64(bytes, start, end)
    else this.#out.text(bytes, start, end)
    this.#after()
  }

  status(bytes: Buffer, start: number, end: number): void {
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

  nothing(): void {
    if (this.#isDiscardedExec()) {
      this.failure('EXECABORT Transaction discarded')
      return
    }
    this.#before()
    this.#out.raw(NULL, 0, NULL.length)
    this.#after()
  }

  /** The head of an array: its elements follow. */
  array(count: number): void {
    if (count < 0) {
      this.nothing()
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

  failure(text: string): void {
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

  /** @throws {ProtocolError} when nothing was asked for */
  start(): void {
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
    this.#ends = expected.marksEnds ? [] : undefined
    this.#first = true
    this.#out.reset()
    if (expected.form === 'pipeline') {
      this.#out.byte(OPEN)
      this.#refused(expected)
    }
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

  #endReply(): void {
    const expected = this.#expected!
    this.#replies++
    this.#ends?.push(this.#out.length)
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
    const answer: Answer = { status: this.#status, body: this.#out.take(), commands, failed: this.#failed }
    if (this.#ends !== undefined) answer.ends = this.#ends
    this.#finish(answer)
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
