import type { Random } from '#core/ids.ts'
import type { Bytes } from './bytes.ts'
import { errors } from './reply.ts'
import type { SortedSet } from './sorted-set.ts'
import type { Stream } from './stream.ts'

/** The types of values and what holds each. All strings are latin1: one code unit, one byte. */
export interface DataOf {
  string: string | Bytes
  hash: Map<string, string>
  set: Set<string>
  zset: SortedSet
  list: string[]
  stream: Stream
}

export type TypeName = keyof DataOf

export interface Stored {
  readonly type: TypeName
  data: DataOf[TypeName]
}

/** How many keys with a time to live one active-expiry cycle looks at. */
const EXPIRY_SAMPLE = 1000

/** What all databases share: the time, and who is told about every key before it changes (a snapshot under way) and after (WATCH). */
export interface Surroundings {
  /** Milliseconds since the epoch; set before each command, so that time stands still inside a command, a transaction and a script. */
  now: number
  before?: ((db: Database, key: string) => void) | undefined
  after?: ((db: Database, key: string) => void) | undefined
}

/**
 * One numbered database: keys with values and expiry times (milliseconds since the epoch).
 *
 * A key past its time is gone for every reader at once (lazy expiry) and removed from memory by `expireSome` (active expiry).
 */
export class Database {
  readonly index: number
  readonly #values = new Map<string, Stored>()
  readonly #expires = new Map<string, number>()
  readonly #shared: Surroundings
  #sweep: IterableIterator<[string, number]> | undefined

  constructor(index: number, shared: Surroundings) {
    this.index = index
    this.#shared = shared
  }

  get size(): number {
    return this.#values.size
  }

  get expiringCount(): number {
    return this.#expires.size
  }

  /** The live value of any type. */
  get(key: string): Stored | undefined {
    const stored = this.#values.get(key)
    if (stored !== undefined && this.#isOver(key)) {
      this.remove(key)
      return undefined
    }
    return stored
  }

  has(key: string): boolean {
    return this.get(key) !== undefined
  }

  /** The value for reading; throws WRONGTYPE if the key holds another type. */
  read<T extends TypeName>(key: string, type: T): DataOf[T] | undefined {
    const stored = this.get(key)
    if (stored === undefined) return undefined
    if (stored.type !== type) throw errors.wrongType()
    return stored.data as DataOf[T]
  }

  /** The value for changing in place; call `changed` afterwards. */
  edit<T extends TypeName>(key: string, type: T): DataOf[T] | undefined {
    const data = this.read(key, type)
    if (data !== undefined) this.#shared.before?.(this, key)
    return data
  }

  /** The value for changing in place, made by `create` if the key is absent. */
  editOrCreate<T extends TypeName>(key: string, type: T, create: () => DataOf[T]): DataOf[T] {
    const data = this.edit(key, type)
    if (data !== undefined) return data
    this.#shared.before?.(this, key)
    const fresh = create()
    this.#values.set(key, { type, data: fresh })
    return fresh
  }

  /** After an edit: an emptied collection goes, watchers are told. */
  changed(key: string): void {
    const data = this.#values.get(key)
    if (data !== undefined && isEmpty(data)) {
      this.#values.delete(key)
      this.#expires.delete(key)
    }
    this.#shared.after?.(this, key)
  }

  /** Sets a whole value of any type; the expiry time goes unless kept. An empty collection removes the key. */
  put<T extends TypeName>(key: string, type: T, data: DataOf[T], keepExpiry = false): void {
    this.#shared.before?.(this, key)
    if (!keepExpiry) this.#expires.delete(key)
    this.#values.set(key, { type, data })
    this.changed(key)
  }

  remove(key: string): boolean {
    if (!this.#values.has(key)) return false
    this.#shared.before?.(this, key)
    this.#values.delete(key)
    this.#expires.delete(key)
    this.#shared.after?.(this, key)
    return true
  }

  /** When the key ends, in ms since the epoch; undefined = never. */
  expiry(key: string): number | undefined {
    return this.#expires.size === 0 ? undefined : this.#expires.get(key)
  }

  /** Sets or clears the end of an existing key. */
  setExpiry(key: string, at: number | undefined): void {
    this.#shared.before?.(this, key)
    if (at === undefined) this.#expires.delete(key)
    else this.#expires.set(key, at)
    this.#shared.after?.(this, key)
  }

  /** Is the key still held although its time is over? (WATCH asks: such a key is not *changed* by its removal.) */
  isExpired(key: string): boolean {
    return this.#values.has(key) && this.#isOver(key)
  }

  /** The live keys, without removing expired ones on the way. */
  *keys(): IterableIterator<string> {
    for (const key of this.#values.keys()) if (!this.#isOver(key)) yield key
  }

  *entries(): IterableIterator<[string, Stored]> {
    for (const entry of this.#values) if (!this.#isOver(entry[0])) yield entry
  }

  randomKey(random: Random): string | undefined {
    while (this.#values.size > 0) {
      let skip = Math.floor(random() * this.#values.size)
      for (const key of this.#values.keys()) {
        if (skip-- > 0) continue
        if (this.has(key)) return key
        break
      }
    }
    return undefined
  }

  clear(): void {
    for (const key of [...this.#values.keys()]) this.remove(key)
    this.#sweep = undefined
  }

  /** Active expiry: looks at the next keys with a time to live and removes those that are over. Answers how many went. */
  expireSome(): number {
    let removed = 0
    for (let looked = 0; looked < EXPIRY_SAMPLE; looked++) {
      this.#sweep ??= this.#expires.entries()
      const next = this.#sweep.next()
      if (next.done) {
        this.#sweep = undefined
        break
      }
      if (next.value[1] <= this.#shared.now && this.remove(next.value[0])) removed++
    }
    return removed
  }

  #isOver(key: string): boolean {
    if (this.#expires.size === 0) return false
    const at = this.#expires.get(key)
    return at !== undefined && at <= this.#shared.now
  }
}

function isEmpty(stored: Stored): boolean {
  switch (stored.type) {
    case 'string':
    case 'stream':
      return false
    case 'list':
      return (stored.data as DataOf['list']).length === 0
    default:
      return (stored.data as DataOf['hash'] | DataOf['set'] | DataOf['zset']).size === 0
  }
}
