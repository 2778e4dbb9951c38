/**
 * Replies out of a connection's bytes, in RESP2 (https://redis.io/docs/latest/develop/reference/protocol-spec/): each
 * handed over as soon as it is whole. What a reply lacks is waited for; nothing is read twice but its last line.
 */
import type { Reply } from '#core/redis.ts'

/** What one command was answered: an error is a value here, since the other commands of its pipeline have theirs. */
export type Outcome = Reply | Error

interface OpenArray {
  items: Reply[]
  /** How many are still to come. */
  left: number
}

const [PLUS, MINUS, COLON, DOLLAR, STAR] = [0x2b, 0x2d, 0x3a, 0x24, 0x2a]
const CR = 0x0d
/** Not yet: the bytes end in the middle. */
const INCOMPLETE = Symbol('incomplete')

export class ReplyParser {
  readonly #take: (outcome: Outcome) => void
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  /** Arrays that are being filled, the innermost last. */
  #open: OpenArray[] = []

  /** @param take gets each whole reply, in order */
  constructor(take: (outcome: Outcome) => void) {
    this.#take = take
  }

  /** @throws Error when the bytes are no RESP2: the connection cannot be used any longer */
  push(chunk: Buffer): void {
    this.#bytes = this.#at === this.#bytes.length ? chunk : Buffer.concat([this.#bytes.subarray(this.#at), chunk])
    this.#at = 0
    while (this.#at < this.#bytes.length) {
      const start = this.#at
      const value = this.#next()
      if (value === INCOMPLETE) {
        this.#at = start
        return
      }
      if (value !== undefined) this.#settle(value)
    }
  }

  /** One value without elements; undefined for the head of an array that has some. */
  #next(): Outcome | typeof INCOMPLETE | undefined {
    const type = this.#bytes[this.#at]
    const from = this.#at + 1
    const end = this.#bytes.indexOf(CR, from)
    if (end < 0 || end + 1 >= this.#bytes.length) return INCOMPLETE
    this.#at = end + 2
    switch (type) {
      case COLON:
        return this.#integer(from, end)
      case PLUS:
        return this.#bytes.toString('utf8', from, end)
      case MINUS:
        return new Error(this.#bytes.toString('utf8', from, end))
      case DOLLAR:
        return this.#text(this.#integer(from, end))
      case STAR:
        return this.#array(this.#integer(from, end))
      default:
        throw new Error('the server answered what is no RESP2')
    }
  }

  #text(length: number): string | null | typeof INCOMPLETE {
    if (length < 0) return null
    const start = this.#at
    const end = start + length
    if (end + 2 > this.#bytes.length) return INCOMPLETE
    this.#at = end + 2
    return this.#bytes.toString('utf8', start, end)
  }

  #array(length: number): Reply | undefined {
    if (length < 0) return null
    if (length === 0) return []
    this.#open.push({ items: [], left: length })
    return undefined
  }

  /** By hand: most replies are one small number. Beyond 2^53 as inexact as Number is. */
  #integer(from: number, end: number): number {
    const isNegative = this.#bytes[from] === MINUS
    let value = 0
    for (let i = isNegative ? from + 1 : from; i < end; i++) {
      const digit = this.#bytes[i]! - 0x30
      if (digit < 0 || digit > 9) throw new Error('the server answered a number that is none')
      value = value * 10 + digit
    }
    return isNegative ? -value : value
  }

  #settle(value: Outcome): void {
    let whole: Outcome = value
    for (let array = this.#open.at(-1); array !== undefined; array = this.#open.at(-1)) {
      // Inside an array, an error is the result of one step of a transaction or script; nobody here asks for those.
      array.items.push(whole instanceof Error ? whole.message : whole)
      if (--array.left > 0) return
      this.#open.pop()
      whole = array.items
    }
    this.#take(whole)
  }
}
