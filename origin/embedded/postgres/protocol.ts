/**
 * The part of the Postgres frontend/backend protocol (version 3) that a front for one engine has to understand: where
 * messages begin and end, prepared statement names, error answers and the transaction status.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */

export type TransactionStatus = 'I' | 'T' | 'E'

export interface ErrorFields {
  readonly severity: 'ERROR' | 'FATAL'
  /** SQLSTATE, five characters. */
  readonly code: string
  readonly message: string
}

/** A message of the backend, seen in place inside a longer buffer. */
export interface BackendMessage {
  readonly type: string
  /** The message with its type byte and length. */
  readonly bytes: Buffer
  /** What follows the length. */
  readonly body: Buffer
}

const HEADER_BYTES = 5
/** As in Postgres: nothing legitimate sends a longer startup message. */
const MAX_STARTUP_BYTES = 10_000

/** One message with its type byte and length. */
export function encodeMessage(type: string, body: Uint8Array = new Uint8Array(0)): Buffer {
  const message = Buffer.allocUnsafe(HEADER_BYTES + body.length)
  message[0] = type.charCodeAt(0)
  message.writeInt32BE(4 + body.length, 1)
  message.set(body, HEADER_BYTES)
  return message
}

/** A string as the protocol carries it: UTF-8 and a zero byte. */
export function encodeString(text: string): Buffer {
  return Buffer.from(`${text}\0`)
}

export function encodeQuery(sql: string): Buffer {
  return encodeMessage('Q', encodeString(sql))
}

export function encodeReadyForQuery(status: TransactionStatus): Buffer {
  return encodeMessage('Z', Buffer.from(status))
}

export function encodeError(error: ErrorFields): Buffer {
  const { severity, code, message } = error
  return encodeMessage('E', Buffer.from(`S${severity}\0V${severity}\0C${code}\0M${message}\0\0`))
}

/** The zero-terminated string that begins at `start`, without its zero byte. */
export function readString(buffer: Buffer, start: number): string {
  const end = buffer.indexOf(0, start)
  return buffer.toString('utf8', start, end < 0 ? buffer.length : end)
}

/** Walks over the messages of a buffer that holds whole messages only. */
export function* readMessages(buffer: Buffer): Generator<BackendMessage> {
  let start = 0
  while (start + HEADER_BYTES <= buffer.length) {
    const end = start + 1 + buffer.readInt32BE(start + 1)
    const bytes = buffer.subarray(start, end)
    yield { type: String.fromCharCode(bytes[0]!), bytes, body: bytes.subarray(HEADER_BYTES) }
    start = end
  }
}

/** The text columns of the rows in an answer. Columns that are null come back as null. */
export function readRows(answer: Buffer): (string | null)[][] {
  const rows: (string | null)[][] = []
  for (const { type, body } of readMessages(answer)) {
    if (type !== 'D') continue
    let at = 2
    rows.push(
      Array.from({ length: body.readInt16BE(0) }, () => {
        const length = body.readInt32BE(at)
        at += 4
        if (length < 0) return null
        at += length
        return body.toString('utf8', at - length, at)
      }),
    )
  }
  return rows
}

/** The next message can never be complete or is longer than accepted: the stream is out of step. */
export class FramingError extends Error {
  override name = 'FramingError'
}

/**
 * Cuts a byte stream into frontend messages. The first message of a connection (startup, TLS or cancel request) has no
 * type byte; all later ones have.
 */
export class FrameReader {
  #pending: Buffer = Buffer.alloc(0)
  #chunks: Buffer[] = []
  #buffered = 0
  #wanted = 0
  readonly #maxBytes: number

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#buffered += chunk.length
  }

  /**
   * @param typed false while the connection has not sent its startup message
   * @returns the next whole message with its header, or undefined when more bytes are needed
   * @throws {FramingError} when the announced length is impossible or above the limit
   */
  next(typed: boolean): Buffer | undefined {
    const header = typed ? HEADER_BYTES : 4
    // A long message arrives in many chunks: they are joined once, when the last one is here.
    if (this.#buffered < Math.max(this.#wanted, header)) return undefined
    if (this.#chunks.length > 0) {
      this.#pending = this.#pending.length === 0 && this.#chunks.length === 1 ? this.#chunks[0]! : this.#join()
      this.#chunks = []
    }
    const length = this.#pending.readInt32BE(header - 4) + header - 4
    if (length < header || length > (typed ? this.#maxBytes : MAX_STARTUP_BYTES))
      throw new FramingError(`impossible message length ${length}`)
    this.#wanted = length
    if (this.#buffered < length) return undefined
    this.#wanted = 0
    this.#buffered -= length
    const message = this.#pending.subarray(0, length)
    this.#pending = this.#pending.subarray(length)
    return message
  }

  #join(): Buffer {
    return Buffer.concat([this.#pending, ...this.#chunks])
  }
}
