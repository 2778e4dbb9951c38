/**
 * The partitions of a post. A quiet post has bucket 0 and no row here; when a bucket has grown full, a row opens the next.
 * A bucket that was closed is counted once and its total kept, until something in it changes.
 *
 * A total is `(changed, rows, newest, oldest)`, where `changed` is the mark that stood when counting began. Whoever changes a
 * closed bucket writes a new mark after the change, so a total counts only while its mark is the one that stands. A
 * bucket that this process takes for open needs no mark: what it knows is a few seconds old at most, and totals are taken
 * a minute after closing.
 */
import { types } from 'cassandra-driver'
import type { Clock, Id } from '#core/ids.ts'
import type { CassandraSession, Row } from './session.ts'
import type { BucketRows } from './settings.ts'

export type Kind = keyof BucketRows

export interface Bucket {
  bucket: number
  /** Unix milliseconds from which on this bucket, and not the one before, takes what is new. */
  opensAt: number
  /** Set once closed and counted: how many rows it has, and from when. */
  total: Total | null
}

export interface Total {
  rows: number
  /** Bounds of the rows' instants. */
  newestMs: number
  oldestMs: number
}

interface StoredBucket extends Bucket {
  changed: types.Uuid | null
  /** Rows that were ever written to it, as far as processes have said so: those taken back are tombstones, and count. */
  written: number
}

export interface Buckets {
  /** All of a post, oldest first, as they are now. */
  of(postId: Id, kind: Kind): Promise<readonly Bucket[]>
  /** The bucket that a row of this instant belongs to. Remembered for seconds. */
  at(postId: Id, kind: Kind, ms: number): Promise<number>
  /** To be called after each change of a row and before it is acknowledged: keeps totals true, and rolls. */
  changed(postId: Id, kind: Kind, bucket: number, by: 'added' | 'removed'): Promise<void>
  /** Rows of all buckets: kept totals of closed ones, the others counted. */
  count(postId: Id, kind: Kind): Promise<number>
}

export const BUCKETS = Object.freeze({
  /** How long the buckets of a post are remembered. */
  rememberMs: 10_000,
  /** A total is taken only of a bucket closed for so long; well above `rememberMs` and the difference of clocks. */
  settleMs: 60_000,
  /**
   * How far ahead a bucket of comments opens. Comments lie where their id says, so everybody must know of the border
   * before there are ids beyond it: above `rememberMs`, and above the minute by which ids may be ahead.
   */
  commentsAheadMs: 120_000,
  /** Posts remembered; the oldest is forgotten first. */
  posts: 20_000,
  /** Buckets counted side by side. */
  parallelCounts: 4,
})

interface Remembered {
  buckets: readonly StoredBucket[]
  readAt: number
  /** Rows added by this process that it has not noted yet. */
  added: number
}

export interface BucketNeeds {
  session: CassandraSession
  clock: Clock
  full: BucketRows
  /** Counts one bucket of each kind. */
  countRows: Record<Kind, (postId: Id, bucket: number) => Promise<Total>>
}

interface BucketParts extends BucketNeeds {
  /** By kind and post; bounded. */
  remembered: Map<string, Remembered>
}

export function createBuckets(needs: BucketNeeds): Buckets {
  const parts: BucketParts = { ...needs, remembered: new Map() }
  return {
    of: (postId, kind) => load(parts, postId, kind),
    async at(postId, kind, ms) {
      const { buckets } = await known(parts, postId, kind)
      return (buckets.findLast(({ opensAt }) => opensAt <= ms) ?? FIRST).bucket
    },
    changed: (postId, kind, bucket, by) => changed(parts, postId, kind, bucket, by),
    async count(postId, kind) {
      const buckets = await load(parts, postId, kind)
      let sum = 0
      for (let i = 0; i < buckets.length; i += BUCKETS.parallelCounts) {
        const some = buckets.slice(i, i + BUCKETS.parallelCounts)
        const counts = some.map((one, j) => countBucket(parts, postId, kind, one, buckets[i + j + 1]?.opensAt ?? null))
        for (const count of await Promise.all(counts)) sum += count
      }
      return sum
    },
  }
}

async function load(
  { session, clock, remembered }: BucketParts,
  postId: Id,
  kind: Kind,
): Promise<readonly StoredBucket[]> {
  const readAt = clock()
  const query = 'SELECT bucket, opens_at, changed, counted, written FROM buckets WHERE post_id = ? AND kind = ?'
  const rows = (await session.read(query, [BigInt(postId), kind])).map(readBucket)
  const buckets = rows[0]?.bucket === 0 ? rows : [FIRST, ...rows]
  remember(remembered, `${kind}:${postId}`, buckets, readAt)
  return buckets
}

async function known(parts: BucketParts, postId: Id, kind: Kind): Promise<Remembered> {
  const key = `${kind}:${postId}`
  const entry = parts.remembered.get(key)
  if (entry !== undefined && parts.clock() - entry.readAt < BUCKETS.rememberMs) return entry
  await load(parts, postId, kind)
  const fresh = parts.remembered.get(key)
  if (fresh === undefined) throw new Error('what was just read is remembered')
  return fresh
}

async function changed(
  parts: BucketParts,
  postId: Id,
  kind: Kind,
  bucket: number,
  by: 'added' | 'removed',
): Promise<void> {
  const { session, full } = parts
  const entry = await known(parts, postId, kind)
  const last = entry.buckets.at(-1) ?? FIRST
  if (bucket < last.bucket) {
    await session.write('UPDATE buckets SET changed = ? WHERE post_id = ? AND kind = ? AND bucket = ?', [
      ...[types.Uuid.random(), BigInt(postId), kind, bucket],
    ])
  } else if (by === 'added' && ++entry.added >= full[kind] / NOTES_PER_BUCKET) {
    const added = entry.added
    entry.added = 0
    // The row stands already: a bucket that cannot be rolled now is rolled by a later one.
    await rollIfFull(parts, postId, kind, last.bucket, added).catch(() => {})
  }
}

/** Notes what this process has written to the open bucket, and opens the next when it has had its share. */
async function rollIfFull(parts: BucketParts, postId: Id, kind: Kind, bucket: number, added: number): Promise<void> {
  // An entry of its own each time: adding to a number would have to be undone where nobody knows whether it was done.
  const note = { [types.Uuid.random().toString()]: added }
  await parts.session.write('UPDATE buckets SET written = written + ? WHERE post_id = ? AND kind = ? AND bucket = ?', [
    ...[note, BigInt(postId), kind, bucket],
  ])
  const last = (await load(parts, postId, kind)).at(-1) ?? FIRST
  if (last.bucket === bucket && last.written >= parts.full[kind]) await roll(parts, postId, kind, last)
}

/** Opens the next bucket; of several who do, one does. */
async function roll(parts: BucketParts, postId: Id, kind: Kind, last: Bucket): Promise<void> {
  const { session, clock } = parts
  if (last.opensAt > clock()) return
  const opensAt = clock() + (kind === 'comments' ? BUCKETS.commentsAheadMs : 0)
  await session.decide('INSERT INTO buckets (post_id, kind, bucket, opens_at) VALUES (?, ?, ?, ?) IF NOT EXISTS', [
    ...[BigInt(postId), kind, last.bucket + 1, new Date(opensAt)],
  ])
  await load(parts, postId, kind)
}

/** @param closedAt when the bucket after it opened; null for the open one */
async function countBucket(
  parts: BucketParts,
  postId: Id,
  kind: Kind,
  stored: StoredBucket,
  closedAt: number | null,
): Promise<number> {
  if (stored.total !== null) return stored.total.rows
  const { session, clock, full, countRows } = parts
  const counting = countRows[kind](postId, stored.bucket)
  // What cannot be counted any more must not grow: it has too many tombstones, most likely.
  const total = await counting.catch(async (error: unknown) => {
    if (closedAt === null && stored.written > 0) await roll(parts, postId, kind, stored).catch(() => {})
    throw error
  })
  if (closedAt === null) {
    if (total.rows >= full[kind]) await roll(parts, postId, kind, stored)
  } else if (clock() - closedAt > BUCKETS.settleMs) {
    await session.write('UPDATE buckets SET counted = ? WHERE post_id = ? AND kind = ? AND bucket = ?', [
      ...[tupleOf(stored.changed, total), BigInt(postId), kind, stored.bucket],
    ])
  }
  return total.rows
}

const FIRST: StoredBucket = Object.freeze({ bucket: 0, opensAt: 0, total: null, changed: null, written: 0 })
/** Stands for "no mark" in a total: the nil UUID, which chance never draws. */
const UNCHANGED = types.Uuid.fromString('00000000-0000-0000-0000-000000000000')
/** A process notes what it has written to an open bucket each time that it was this part of what the bucket takes. */
const NOTES_PER_BUCKET = 16

function readBucket(row: Row): StoredBucket {
  const changed = row.changed as types.Uuid | null
  const counted = row.counted as types.Tuple | null
  const opensAt = row.opens_at as Date | null
  const isTrue = counted !== null && (changed ?? UNCHANGED).equals(counted.get(0))
  return {
    bucket: row.bucket as number,
    opensAt: opensAt?.getTime() ?? 0,
    changed,
    written: Object.values((row.written ?? {}) as Record<string, number>).reduce((sum, rows) => sum + rows, 0),
    total: isTrue ? readTotal(counted) : null,
  }
}

const tupleOf = (changed: types.Uuid | null, { rows, newestMs, oldestMs }: Total) =>
  new types.Tuple(changed ?? UNCHANGED, rows, BigInt(newestMs), BigInt(oldestMs))

const readTotal = (counted: types.Tuple): Total => ({
  rows: Number(counted.get(1)),
  newestMs: Number(counted.get(2)),
  oldestMs: Number(counted.get(3)),
})

function remember(all: Map<string, Remembered>, key: string, buckets: readonly StoredBucket[], readAt: number): void {
  const before = all.get(key)
  const isSame = before?.buckets.length === buckets.length
  all.delete(key)
  all.set(key, { buckets, readAt, added: isSame ? before.added : 0 })
  const oldest = all.keys().next()
  if (all.size > BUCKETS.posts && !oldest.done) all.delete(oldest.value)
}
