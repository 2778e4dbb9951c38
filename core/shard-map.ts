/**
 * Which database holds which logical shards. Every id carries the logical shard of its owner (core/ids.ts), and each
 * database owns ranges of the 8,192 of them, so that a row is found by arithmetic, without a look-up.
 */
import { type Id, idShard, LOGICAL_SHARDS } from './ids.ts'

/** Logical shards from `first` to `last`, both of them included. */
export interface ShardRange {
  readonly first: number
  readonly last: number
}

/** A database as the settings name it. */
export interface ShardDatabase {
  /** Its connection string, without the ranges. */
  readonly url: string
  /** May be empty: a database that is to take over ranges later. */
  readonly ranges: readonly ShardRange[]
}

/**
 * Reads databases, comma separated. Each may say its ranges behind a `#`, joined by `+`:
 *
 *     postgres://one/app#0-4095+6000-8191,postgres://two/app#4096-5999
 *
 * `#none` owns nothing yet. Without any ranges the databases share the shards evenly, in their order.
 * @throws RangeError with a sentence, which never holds a connection string, when the ranges are not whole
 */
export function parseShardDatabases(text: string): ShardDatabase[] {
  const parts = text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean)
  const named = parts.filter((part) => part.includes('#')).length
  if (named !== 0 && named !== parts.length) {
    throw new RangeError('either every database says its shards or none does')
  }
  const databases = parts.map((part, i) => {
    const [url = '', ranges] = part.split('#')
    return { url, ranges: ranges === undefined ? [evenShare(i, parts.length)] : parseRanges(ranges) }
  })
  shardOwners(databases)
  return databases
}

/** The ranges as they are written: `0-4095+6000-8191`, or `none`. */
export function formatRanges(ranges: readonly ShardRange[]): string {
  return ranges.map(({ first, last }) => `${first}-${last}`).join('+') || 'none'
}

function evenShare(index: number, count: number): ShardRange {
  const from = (i: number) => Math.floor((i * LOGICAL_SHARDS) / count)
  return { first: from(index), last: from(index + 1) - 1 }
}

function parseRanges(text: string): ShardRange[] {
  if (text === 'none') return []
  return text.split('+').map((range) => {
    const [, first, last] = /^(\d{1,4})-(\d{1,4})$/.exec(range) ?? []
    if (first === undefined || last === undefined)
      throw new RangeError(`"${range}" is no range of shards, as 0-4095 is`)
    return { first: Number(first), last: Number(last) }
  })
}

/**
 * For each logical shard the index of the database that owns it.
 * @throws RangeError when a shard has no owner, or two
 */
export function shardOwners(databases: readonly { ranges: readonly ShardRange[] }[]): Uint16Array {
  const NOBODY = 0xffff
  const owners = new Uint16Array(LOGICAL_SHARDS).fill(NOBODY)
  for (const [index, { ranges }] of databases.entries()) {
    for (const { first, last } of ranges) {
      if (first > last || last >= LOGICAL_SHARDS) {
        throw new RangeError(`${first}-${last} is no range within 0-${LOGICAL_SHARDS - 1}`)
      }
      for (let shard = first; shard <= last; shard++) {
        if (owners[shard] !== NOBODY) throw new RangeError(`shard ${shard} belongs to two databases`)
        owners[shard] = index
      }
    }
  }
  const free = owners.indexOf(NOBODY)
  if (free !== -1) throw new RangeError(`shard ${free} belongs to no database`)
  return owners
}

/** The index of the database that owns an id. */
export const ownerOf = (owners: Uint16Array, id: Id): number => owners[idShard(id)] ?? 0

/** A range as the map of all databases knows it. */
export interface OwnedRange extends ShardRange {
  /** The place of its database in the settings. */
  readonly database: number
  /** Raised each time that the range changes hands. Null: by the settings alone, before the map was read. */
  readonly epoch: number | null
  /** A move of it is announced. */
  readonly moving: boolean
}

/** Logical shards to ranges to databases. */
export interface ShardMap {
  readonly ranges: readonly OwnedRange[]
  rangeOf(shard: number): OwnedRange
}

/** @throws RangeError when a shard has no owner, or two */
export function shardMap(ranges: readonly OwnedRange[]): ShardMap {
  const places = shardOwners(ranges.map((range) => ({ ranges: [range] })))
  return { ranges, rangeOf: (shard) => ranges[places[shard] ?? 0] as OwnedRange }
}

/** The map that the settings say. */
export const settingsMap = (databases: readonly { ranges: readonly ShardRange[] }[]): ShardMap =>
  shardMap(
    databases.flatMap(({ ranges }, database) =>
      ranges.map((range) => ({ ...range, database, epoch: null, moving: false })),
    ),
  )
