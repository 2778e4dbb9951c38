/**
 * Commands as bytes: RESP arrays of bulk strings, every argument with its length, so that none can end early or start
 * another command. Written byte by byte into one buffer: joined as text, a page of a fan-out took four times as long.
 */
import type { Command } from '#core/redis.ts'

const [STAR, DOLLAR, CR, LF, ZERO] = [0x2a, 0x24, 0x0d, 0x0a, 0x30]
/** Most arguments are short and ASCII: those are written here, all others by Node. */
const SHORT = 64
/** Room for a head and the line ends around an argument. */
const MARGIN = 32
/** A guess for a command, so that a pipeline seldom outgrows its buffer. */
const BYTES_PER_COMMAND = 112

/** All commands, in order, as they go over the wire. */
export function encodeCommands(commands: readonly Command[]): Buffer {
  const writer = new Writer(commands.length * BYTES_PER_COMMAND + SHORT + MARGIN)
  for (const command of commands) {
    writer.head(STAR, command.length)
    for (const argument of command) writer.bulk(typeof argument === 'string' ? argument : String(argument))
  }
  return writer.written()
}

class Writer {
  #bytes: Buffer
  #at = 0

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size)
  }

  /** `*3\r\n` or `$12\r\n`. */
  head(type: number, count: number): void {
    this.#room(MARGIN)
    this.#put(type)
    if (count < 10) this.#put(ZERO + count)
    else if (count < 100) {
      this.#put(ZERO + Math.floor(count / 10))
      this.#put(ZERO + (count % 10))
    } else this.#at += this.#bytes.write(String(count), this.#at)
    this.#end()
  }

  bulk(text: string): void {
    const { length } = text
    if (length > SHORT) {
      this.#long(text)
      return
    }
    const from = this.#at
    this.head(DOLLAR, length)
    this.#room(length + MARGIN)
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i)
      if (code > 0x7f) {
        // Its length in bytes is another one: begun anew.
        this.#at = from
        this.#long(text)
        return
      }
      this.#bytes[this.#at + i] = code
    }
    this.#at += length
    this.#end()
  }

  written(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  #long(text: string): void {
    const bytes = Buffer.byteLength(text)
    this.head(DOLLAR, bytes)
    this.#room(bytes + MARGIN)
    this.#at += this.#bytes.write(text, this.#at)
    this.#end()
  }

  #put(byte: number): void {
    this.#bytes[this.#at++] = byte
  }

  #end(): void {
    this.#put(CR)
    this.#put(LF)
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(2 * this.#bytes.length + bytes)
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}
