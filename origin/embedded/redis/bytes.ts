/** A string value under byte-wise change (SETBIT, SETRANGE, APPEND …): a buffer with room to grow, so that a bit costs no copy. */
export class Bytes {
  #buffer: Buffer
  #length: number

  constructor(text: string, capacity = text.length) {
    this.#buffer = Buffer.alloc(Math.max(capacity, text.length, 16))
    this.#buffer.write(text, 0, 'latin1')
    this.#length = text.length
  }

  get length(): number {
    return this.#length
  }

  at(index: number): number {
    return index < this.#length ? this.#buffer[index]! : 0
  }

  set(index: number, byte: number): void {
    this.grow(index + 1)
    this.#buffer[index] = byte
  }

  write(text: string, offset: number): void {
    this.grow(offset + text.length)
    this.#buffer.write(text, offset, 'latin1')
  }

  /** Makes the value at least `length` bytes long, padded with zeros. */
  grow(length: number): void {
    if (length <= this.#length) return
    if (length > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(length, this.#buffer.length * 2))
      this.#buffer.copy(larger, 0, 0, this.#length)
      this.#buffer = larger
    }
    this.#length = length
  }

  toString(): string {
    return this.#buffer.toString('latin1', 0, this.#length)
  }

  slice(start: number, end: number): string {
    return this.#buffer.toString('latin1', start, Math.min(end, this.#length))
  }
}
