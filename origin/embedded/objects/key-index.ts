/** What a listing says of one object. */
export interface ListedObject {
  readonly key: string
  readonly size: number
  /** Without quotes. */
  readonly etag: string
  /** Epoch milliseconds. */
  readonly lastModified: number
}

export interface ListQuery {
  readonly prefix: string
  /** '' for none. */
  readonly delimiter: string
  /** Continue after this key … */
  readonly afterKey: string
  /** … or after everything that begins with this. */
  readonly afterPrefix: string
  /** Keys and common prefixes together. */
  readonly limit: number
}

export interface ListPage {
  readonly objects: readonly ListedObject[]
  readonly commonPrefixes: readonly string[]
  /** Where the next page begins; undefined on the last page. */
  readonly next: { readonly afterKey: string } | { readonly afterPrefix: string } | undefined
}

/** The keys of a bucket in S3's order, which is the order of their UTF-8 bytes. */
export class KeyIndex {
  readonly #entries: ListedObject[]

  /** @param entries in any order, each key once */
  constructor(entries: ListedObject[]) {
    this.#entries = entries.sort((a, b) => compareUtf8(a.key, b.key))
  }

  set(entry: ListedObject): void {
    const at = this.#firstNotBefore(entry.key)
    const isReplaced = this.#entries[at]?.key === entry.key
    this.#entries.splice(at, isReplaced ? 1 : 0, entry)
  }

  delete(key: string): void {
    const at = this.#firstNotBefore(key)
    if (this.#entries[at]?.key === key) this.#entries.splice(at, 1)
  }

  list(query: ListQuery): ListPage {
    const objects: ListedObject[] = []
    const commonPrefixes: string[] = []
    let next: ListPage['next']
    let at = this.#start(query)
    for (let entry = this.#entries[at]; entry?.key.startsWith(query.prefix); entry = this.#entries[at]) {
      if (objects.length + commonPrefixes.length >= query.limit) {
        return { objects, commonPrefixes, next }
      }
      const cut = query.delimiter === '' ? -1 : entry.key.indexOf(query.delimiter, query.prefix.length)
      if (cut < 0) {
        objects.push(entry)
        next = { afterKey: entry.key }
        at += 1
      } else {
        const common = entry.key.slice(0, cut + query.delimiter.length)
        commonPrefixes.push(common)
        next = { afterPrefix: common }
        at = this.#firstAfterPrefix(common, at)
      }
    }
    return { objects, commonPrefixes, next: undefined }
  }

  #start({ prefix, afterKey, afterPrefix }: ListQuery): number {
    const atPrefix = this.#firstNotBefore(prefix)
    if (afterPrefix !== '')
      return Math.max(atPrefix, this.#firstAfterPrefix(afterPrefix, this.#firstNotBefore(afterPrefix)))
    if (afterKey === '') return atPrefix
    const at = this.#firstNotBefore(afterKey)
    return Math.max(atPrefix, this.#entries[at]?.key === afterKey ? at + 1 : at)
  }

  #firstNotBefore(key: string): number {
    return partitionPoint(0, this.#entries.length, (i) => compareUtf8(this.#entries[i]!.key, key) < 0)
  }

  /** Keys that share a prefix stand together, so their end is found by halving too. */
  #firstAfterPrefix(prefix: string, from: number): number {
    return partitionPoint(from, this.#entries.length, (i) => this.#entries[i]!.key.startsWith(prefix))
  }
}

/**
 * Orders two well-formed strings as their UTF-8 bytes would be ordered. UTF-16 code units give the same order but
 * for surrogates, which stand for the highest code points and not for 0xD800 to 0xDFFF: they are moved to the top.
 */
export function compareUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i += 1) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

function rank(unit: number): number {
  if (unit >= 0xe000) return unit - 0x800
  return unit >= 0xd800 ? unit + 0x2000 : unit
}

/** First index in [low, high) for which `isBefore` is false; `high` when there is none. */
function partitionPoint(low: number, high: number, isBefore: (index: number) => boolean): number {
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(middle)) low = middle + 1
    else high = middle
  }
  return low
}
