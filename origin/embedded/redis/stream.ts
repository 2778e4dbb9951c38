/** A stream entry; the id is ms × 2^64 + sequence. */
export interface StreamEntry {
  readonly id: bigint
  readonly fields: readonly string[]
}

const SEQUENCE_BITS = 64n
export const MAX_SEQUENCE = (1n << SEQUENCE_BITS) - 1n
export const MAX_ID = (1n << 128n) - 1n

export function streamId(ms: bigint, sequence: bigint): bigint {
  return (ms << SEQUENCE_BITS) | sequence
}

export function formatStreamId(id: bigint): string {
  return `${id >> SEQUENCE_BITS}-${id & MAX_SEQUENCE}`
}

/** An append-only log ordered by id. */
export class Stream {
  #entries: StreamEntry[]
  lastId: bigint

  constructor(entries: readonly StreamEntry[] = [], lastId = 0n) {
    this.#entries = [...entries]
    this.lastId = lastId
  }

  get length(): number {
    return this.#entries.length
  }

  get entries(): readonly StreamEntry[] {
    return this.#entries
  }

  clone(): Stream {
    return new Stream(this.#entries, this.lastId)
  }

  append(entry: StreamEntry): void {
    this.#entries.push(entry)
    this.lastId = entry.id
  }

  /** Entries with from ≤ id ≤ to, oldest first. */
  range(from: bigint, to: bigint): StreamEntry[] {
    return this.#entries.slice(this.#place(from), this.#place(to + 1n))
  }

  delete(id: bigint): boolean {
    const place = this.#place(id)
    if (this.#entries[place]?.id !== id) return false
    this.#entries.splice(place, 1)
    return true
  }

  /** Removes the oldest entries beyond a length, or those before an id; answers how many. */
  trim(limit: { readonly length: number } | { readonly before: bigint }): number {
    const doomed = 'length' in limit ? this.#entries.length - limit.length : this.#place(limit.before)
    if (doomed <= 0) return 0
    this.#entries.splice(0, doomed)
    return doomed
  }

  /** The index of the first entry with an id ≥ the given one. */
  #place(id: bigint): number {
    let low = 0
    let high = this.#entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#entries[middle]!.id < id) low = middle + 1
      else high = middle
    }
    return low
  }
}
