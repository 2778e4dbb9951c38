import { NIL_ARRAY, NO_REPLY, type Reply, ReplyError, Status } from './reply.ts'

/** The client broke the protocol; the connection is closed after the error is sent. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError'
}

/** Limits of the real server: a bulk string (proto-max-bulk-len), an array, an inline line. */
const MAX_BULK_BYTES = 512 * 1024 * 1024
const MAX_ARGUMENTS = 1024 * 1024
const MAX_LINE_BYTES = 64 * 1024
const CR = 13
const LF = 10
const STAR = 42
const DOLLAR = 36

/**
 * Cuts a byte stream into commands (RESP2 arrays of bulk strings, or inline lines).
 *
 * What is incomplete is kept as a list of chunks and joined once enough bytes are there: a value of many megabytes costs one copy,
 * not one per chunk.
 */
export class RequestParser {
  #chunks: Buffer[] = []
  #held = 0
  #needed = 1
  #args: string[] = []
  #missing = 0

  /** Takes the next bytes and calls `onCommand` for every complete command. Throws ProtocolError. */
  push(chunk: Buffer, onCommand: (argv: string[]) => void): void {
    this.#chunks.push(chunk)
    this.#held += chunk.length
    if (this.#held < this.#needed) return
    const bytes = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks, this.#held)
    const used = this.#parse(bytes, onCommand)
    this.#chunks = used === bytes.length ? [] : [bytes.subarray(used)]
    this.#held = bytes.length - used
  }

  #parse(bytes: Buffer, onCommand: (argv: string[]) => void): number {
    let at = 0
    while (at < bytes.length) {
      if (this.#missing > 0) {
        const next = this.#bulk(bytes, at)
        if (next < 0) return at
        at = next
        if (this.#missing === 0) onCommand(this.#take())
        continue
      }
      const end = lineEnd(bytes, at)
      if (end < 0) {
        this.#needed = bytes.length - at + 1
        return at
      }
      if (bytes[at] === STAR) this.#missing = arrayLength(bytes, at + 1, end)
      else {
        const argv = splitInline(bytes.toString('latin1', at, bytes[end - 1] === CR ? end - 1 : end))
        if (argv.length > 0) onCommand(argv)
      }
      at = end + 1
    }
    this.#needed = 1
    return at
  }

  /** Reads one bulk string at `at`; answers where the next one starts, or −1 and how many bytes are needed. */
  #bulk(bytes: Buffer, at: number): number {
    const end = lineEnd(bytes, at)
    if (end < 0) {
      this.#needed = bytes.length - at + 1
      return -1
    }
    if (bytes[at] !== DOLLAR) {
      throw new ProtocolError(`Protocol error: expected '$', got '${String.fromCharCode(bytes[at] ?? 0)}'`)
    }
    const length = decimal(bytes, at + 1, end)
    if (!(length >= 0 && length <= MAX_BULK_BYTES)) throw new ProtocolError('Protocol error: invalid bulk length')
    const start = end + 1
    if (start + length + 2 > bytes.length) {
      this.#needed = start + length + 2 - at
      return -1
    }
    this.#args.push(bytes.toString('latin1', start, start + length))
    this.#missing--
    return start + length + 2
  }

  #take(): string[] {
    const argv = this.#args
    this.#args = []
    return argv
  }
}

function lineEnd(bytes: Buffer, at: number): number {
  const end = bytes.indexOf(LF, at)
  if ((end < 0 ? bytes.length : end) - at > MAX_LINE_BYTES) {
    throw new ProtocolError('Protocol error: too big inline request')
  }
  return end
}

function arrayLength(bytes: Buffer, from: number, end: number): number {
  const length = decimal(bytes, from, end)
  if (Number.isNaN(length) || length > MAX_ARGUMENTS)
    throw new ProtocolError('Protocol error: invalid multibulk length')
  return Math.max(0, length)
}

/** The number in a header line; NaN if there is anything else. */
function decimal(bytes: Buffer, from: number, lineFeed: number): number {
  const end = bytes[lineFeed - 1] === CR ? lineFeed - 1 : lineFeed
  if (from >= end) return Number.NaN
  let value = 0
  const negative = bytes[from] === 45
  for (let i = negative ? from + 1 : from; i < end; i++) {
    const digit = (bytes[i] ?? 0) - 48
    if (digit < 0 || digit > 9) return Number.NaN
    value = value * 10 + digit
  }
  return negative ? -value : value
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', a: '\x07' }

/** Splits an inline command at blanks; double quotes know escapes, single quotes only `\'`. */
function splitInline(line: string): string[] {
  const words: string[] = []
  const pattern = /\s*("(?:\\.|[^"\\])*"|'(?:\\'|[^'])*'|[^\s"']+)(?=\s|$)|\s+$|(.+)/sy
  while (pattern.lastIndex < line.length) {
    const match = pattern.exec(line)
    if (!match || match[2] !== undefined) throw new ProtocolError('Protocol error: unbalanced quotes in request')
    const word = match[1]
    if (word === undefined) break
    if (word.startsWith('"')) {
      const inner = word.slice(1, -1)
      words.push(
        inner.replace(/\\(?:x([0-9a-fA-F]{2})|(.))/gs, (_all, hex?: string, char = '') =>
          hex === undefined ? (ESCAPES[char] ?? char) : String.fromCharCode(Number.parseInt(hex, 16)),
        ),
      )
    } else if (word.startsWith("'")) words.push(word.slice(1, -1).replaceAll("\\'", "'"))
    else words.push(word)
  }
  return words
}

/** A reply in RESP2, as a latin1 string. */
export function encode(reply: Reply): string {
  switch (typeof reply) {
    case 'string':
      return `$${reply.length}\r\n${reply}\r\n`
    case 'number':
    case 'bigint':
      return `:${reply}\r\n`
    case 'symbol':
      return reply === NIL_ARRAY ? '*-1\r\n' : ''
  }
  if (reply === null) return '$-1\r\n'
  if (reply instanceof Status) return `+${reply.text}\r\n`
  if (reply instanceof ReplyError) return `-${reply.message.replace(/[\r\n]/g, ' ')}\r\n`
  let out = `*${reply.length}\r\n`
  for (const item of reply) out += item === NO_REPLY ? '$-1\r\n' : encode(item)
  return out
}
