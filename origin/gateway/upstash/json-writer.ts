const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Above this, native conversion beats a loop over bytes. Measured on Node 24: they meet between 400 and 700 bytes. */
const LOOP_BYTES = 512

const BASE64 = Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')

/**
 * Answers are cut from slabs of this size, one behind the other: some twenty feeds each, or five whose posts are all read. What is
 * allocated outside of V8's heap makes it collect all of that: with slabs that such a feed fills by itself, a fifth of the
 * gateway's time. A larger slab is held longer by a client that reads slowly.
 */
export const SLAB_BYTES = 256 * 1024

/** JSON's two-character escapes by byte, 1 for bytes that stand for themselves, 0 for those left to JSON.stringify. */
const ESCAPES = new Uint8Array(256).fill(1, 0x20, 0x80)
ESCAPES[QUOTE] = QUOTE
ESCAPES[BACKSLASH] = BACKSLASH
ESCAPES[0x08] = 0x62
ESCAPES[0x09] = 0x74
ESCAPES[0x0a] = 0x6e
ESCAPES[0x0c] = 0x66
ESCAPES[0x0d] = 0x72

/**
 * Builds JSON text as bytes, right where they are sent from.
 *
 * Going from Redis' bytes to JSON's bytes without a JavaScript string in between is what makes a feed read cheap: its
 * few hundred ids and scores are copied, not decoded, escaped, joined and encoded again.
 */
export class JsonWriter {
  #bytes = Buffer.allocUnsafeSlow(SLAB_BYTES)
  /** Where in the slab this text begins, and where it ends so far. */
  #start = 0
  #length = 0

  /** Bytes written since the last text was taken. */
  get length(): number {
    return this.#length - this.#start
  }

  /** Forgets what was written. */
  reset(): void {
    this.#length = this.#start
    this.take()
  }

  /** What was written, which nobody writes to any more; the writer starts anew behind it. */
  take(): Buffer {
    const taken = this.#bytes.subarray(this.#start, this.#length)
    this.#start = this.#length
    // One that grew for a large answer: what little comes next would hold all of it.
    if (this.#bytes.length > SLAB_BYTES) this.#use(Buffer.allocUnsafeSlow(SLAB_BYTES), 0)
    return taken
  }

  byte(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  /** Writes ASCII text as it is. */
  ascii(text: string): void {
    this.#reserve(text.length)
    for (let i = 0; i < text.length; i++) this.#bytes[this.#length++] = text.charCodeAt(i)
  }

  /** Copies bytes that are JSON already, such as the digits of an integer. */
  raw(source: Buffer, start: number, end: number): void {
    this.#reserve(end - start)
    for (let i = start; i < end; i++) this.#bytes[this.#length++] = source[i]!
  }

  /** Writes bytes as a JSON string of their UTF-8 text; what is not UTF-8 becomes U+FFFD. */
  text(source: Buffer, start: number, end: number): void {
    const length = end - start
    if (length > LOOP_BYTES) {
      this.string(source.toString('utf8', start, end))
      return
    }
    this.#reserve(2 * length + 2)
    const bytes = this.#bytes
    let at = this.#length
    bytes[at++] = QUOTE
    for (let i = start; i < end; i++) {
      const value = source[i]!
      const letter = ESCAPES[value]!
      if (letter === 1) bytes[at++] = value
      else if (letter > 1) {
        bytes[at++] = BACKSLASH
        bytes[at++] = letter
      } else {
        this.string(source.toString('utf8', start, end))
        return
      }
    }
    bytes[at++] = QUOTE
    this.#length = at
  }

  /** Writes bytes as a JSON string of their base64 form, exactly. */
  base64(source: Buffer, start: number, end: number): void {
    const length = end - start
    this.#reserve(4 * Math.ceil(length / 3) + 2)
    const bytes = this.#bytes
    bytes[this.#length++] = QUOTE
    if (length > LOOP_BYTES) this.#length += bytes.write(source.toString('base64', start, end), this.#length, 'latin1')
    else this.#base64Loop(source, start, end)
    bytes[this.#length++] = QUOTE
  }

  /** Writes a JSON string. */
  string(text: string): void {
    const json = JSON.stringify(text)
    this.#reserve(Buffer.byteLength(json))
    this.#length += this.#bytes.write(json, this.#length, 'utf8')
  }

  #base64Loop(source: Buffer, start: number, end: number): void {
    const bytes = this.#bytes
    let at = this.#length
    let i = start
    for (; i + 2 < end; i += 3) {
      const group = (source[i]! << 16) | (source[i + 1]! << 8) | source[i + 2]!
      bytes[at++] = BASE64[group >> 18]!
      bytes[at++] = BASE64[(group >> 12) & 63]!
      bytes[at++] = BASE64[(group >> 6) & 63]!
      bytes[at++] = BASE64[group & 63]!
    }
    if (i < end) {
      const two = i + 1 < end
      const group = (source[i]! << 16) | (two ? source[i + 1]! << 8 : 0)
      bytes[at++] = BASE64[group >> 18]!
      bytes[at++] = BASE64[(group >> 12) & 63]!
      bytes[at++] = two ? BASE64[(group >> 6) & 63]! : 0x3d
      bytes[at++] = 0x3d
    }
    this.#length = at
  }

  #reserve(more: number): void {
    const needed = this.#length + more
    if (needed <= this.#bytes.length) return
    const written = this.length
    const slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, 2 * (written + more)))
    this.#bytes.copy(slab, 0, this.#start, this.#length)
    this.#use(slab, written)
  }

  #use(slab: Buffer<ArrayBuffer>, written: number): void {
    this.#bytes = slab
    this.#start = 0
    this.#length = written
  }
}
