/**
 * Ids: 64 bits, sortable by time: 41 bits of milliseconds since 2025-01-01, 13 bits of the owner's logical shard,
 * 10 bits of sequence. They travel as decimal strings, since a JSON number loses bits above 2^53.
 * After Twitter's Snowflake and Instagram's sharded ids (2012): the shard is in the id, so a row is found without a directory.
 */

/** A decimal string of an integer in [0, 2^63), without leading zeros: what a bigint of Postgres holds. */
export type Id = string

/** 2025-01-01T00:00:00Z in Unix milliseconds: the zero of every id's clock. */
export const ID_EPOCH_MS = 1_735_689_600_000

/** 8,192 logical shards; physical databases own ranges of them. */
export const LOGICAL_SHARDS = 1 << 13

const SEQUENCES = 1 << 10
const MAX_ID = (1n << 63n) - 1n
/** The 41st bit would be the sign of Postgres's bigint: it stays zero until 2059. */
const MAX_AGE_MS = 2 ** 40 - 1

/** Milliseconds since the Unix epoch. Passed in wherever time matters, so that tests never sleep. */
export type Clock = () => number

/** A number in [0, 1). Passed in wherever chance matters. */
export type Random = () => number

/** Parses a client's text as an id; null when it is none. */
export function parseId(text: string): Id | null {
  if (!/^(0|[1-9]\d{0,19})$/.test(text)) return null
  return BigInt(text) <= MAX_ID ? text : null
}

/** The instant an id was made, in Unix milliseconds: the only clock that orders a feed. */
export function idMs(id: Id): number {
  return Number(BigInt(id) >> 23n) + ID_EPOCH_MS
}

/** The logical shard (0 … 8,191) of the id's owner. */
export function idShard(id: Id): number {
  return Number((BigInt(id) >> 10n) & 0x1fffn)
}

/** The smallest id of a millisecond: a bound for keyset queries. */
export function firstIdAt(ms: number): Id {
  return String(BigInt(Math.max(0, ms - ID_EPOCH_MS)) << 23n)
}

/** Orders ids as numbers. Decimal strings compare by length, then by digit; no BigInt is made. */
export function compareIds(a: Id, b: Id): number {
  if (a.length !== b.length) return a.length - b.length
  return a < b ? -1 : a > b ? 1 : 0
}

export interface IdFactory {
  /**
   * A new id for an owner's logical shard. Unique within this factory; across factories the primary key decides
   * (correctness: the sequence starts at random, a conflict takes a new id).
   */
  next(shard: number): Id
  /** A logical shard for a new account, chosen at random. */
  randomShard(): number
}

/**
 * One factory an isolate or process. The sequence starts at random in each millisecond and counts up within it; when a
 * millisecond is used up, the factory runs ahead of the clock rather than wait. A clock that steps back is not followed.
 */
export function createIdFactory(clock: Clock, random: Random): IdFactory {
  let ms = Number.NEGATIVE_INFINITY
  let first = 0
  let used = 0
  const startMs = (at: number) => {
    ms = at
    first = Math.floor(random() * SEQUENCES)
    used = 0
  }
  return {
    next(shard) {
      const now = clock() - ID_EPOCH_MS
      if (now > ms) startMs(now)
      else if (used === SEQUENCES) startMs(ms + 1)
      if (ms < 0 || ms > MAX_AGE_MS) throw new RangeError('the clock is outside the range that ids can hold')
      const sequence = (first + used++) % SEQUENCES
      return String((BigInt(ms) << 23n) | (BigInt(shard & (LOGICAL_SHARDS - 1)) << 10n) | BigInt(sequence))
    },
    randomShard: () => Math.floor(random() * LOGICAL_SHARDS),
  }
}
