/** Likes: taps decided by the person's row, and the lists that are read of both tables. */
import { types } from 'cassandra-driver'
import type { Id, Random } from '#core/ids.ts'
import { problems } from '#core/problem.ts'
import type { EngagementStore, LikeOutcome, LikeWrite } from '../store.ts'
import type { Buckets, Total } from './buckets.ts'
import { findLike, findLikeSerial, type LikeRow, moveLike, placeLike } from './like-rows.ts'
import { afterRefusal } from './races.ts'
import type { RowWrites } from './row-writes.ts'
import type { CassandraSession } from './session.ts'

export type LikeStore = Pick<EngagementStore, 'setLike' | 'likeOf' | 'likers' | 'likedAmong' | 'likesBy'>

export interface LikeNeeds {
  session: CassandraSession
  /** Of the posts' table. */
  rows: RowWrites
  buckets: Buckets
  now(): number
  random: Random
}

/** Races over one person's likes end after a few rounds; one that does not is an overload. */
const ATTEMPTS = 12

export function cassandraLikes(needs: LikeNeeds): LikeStore {
  const { session } = needs
  return {
    setLike: (like) => setLike(needs, like),
    likeOf: async (postId, userId) => {
      const row = await findLike(session, postId, userId)
      return row === null ? null : { state: row.state, at: row.at, version: row.version }
    },
    likers: (postId, limit, after) => likers(needs, postId, limit, after),
    async likedAmong(userId, postIds) {
      const query = 'SELECT post_id, state FROM likes_by_user WHERE user_id = ? AND post_id IN ?'
      const rows = await session.read(query, [BigInt(userId), postIds.map(BigInt)])
      return rows.filter((row) => row.state === 'liked').map((row) => String(row.post_id))
    },
    async likesBy(userId, limit) {
      const query = 'SELECT post_id, state, changed_at FROM likes_by_user WHERE user_id = ?'
      const likes: { postId: Id; at: number }[] = []
      for await (const row of session.scan(query, [BigInt(userId)])) {
        if (row.state === 'liked') likes.push({ postId: String(row.post_id), at: Number(row.changed_at) })
        // Half a million likes pass, a few thousand stay.
        if (likes.length >= KEPT_TIMES * limit) keepNewest(likes, limit)
      }
      keepNewest(likes, limit)
      return likes
    },
  }
}

/** Sorting is dear: as many again are let in before the older ones are left out. */
const KEPT_TIMES = 3

function keepNewest(likes: { at: number }[], limit: number): void {
  likes.sort((a, b) => b.at - a.at)
  likes.length = Math.min(likes.length, limit)
}

async function setLike(needs: LikeNeeds, like: LikeWrite): Promise<LikeOutcome> {
  const { session, buckets, random } = needs
  const { postId, userId } = like
  const writeId = types.Uuid.random()
  // Most likes are the first: they need not look before. A removal seldom is.
  let seen = like.state === 'liked' ? null : await findLike(session, postId, userId)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    if (seen !== null && seen.version >= like.version) {
      // The attempt that wrote this version may have been cut off before the post's row.
      if (seen.version === like.version) await placeLike(needs, postId, userId, seen)
      return outcome(seen, false)
    }
    // The row is about to forget where that one lay.
    if (seen?.state === 'unliked' && like.state === 'liked') await placeLike(needs, postId, userId, seen)
    const bucket = like.state === 'liked' ? await buckets.at(postId, 'likes', needs.now()) : 0
    const next = follow(seen, like, writeId, bucket)
    const { decision, standing: told } = await moveLike(session, like, seen, next)
    const standing =
      decision === 'applied'
        ? next
        : (told ?? (await afterRefusal(random, decision, attempt, () => findLikeSerial(session, postId, userId))))
    if (standing?.writeId.equals(writeId)) {
      await placeLike(needs, postId, userId, standing)
      return outcome(standing, hasTurned(seen, standing))
    }
    seen = standing
  }
  throw problems.away('Cassandra')
}

async function likers(
  { session, buckets }: LikeNeeds,
  postId: Id,
  limit: number,
  after: Liker | null,
): Promise<Liker[]> {
  const all = await buckets.of(postId, 'likes')
  // What is open, or not counted yet, may hold anything; closed ones follow in the order of their newest like.
  const open = all.filter(({ total }) => total === null)
  const closed = all.flatMap(({ bucket, total }) => (total === null ? [] : [{ bucket, ...total }]))
  const slice = (bucket: number) => likersIn(session, postId, bucket, limit, after)
  let page = merge(await Promise.all(open.map(({ bucket }) => slice(bucket))), limit)
  for (const { bucket, newestMs, oldestMs } of closed.sort((a, b) => b.newestMs - a.newestMs)) {
    const last = page[limit - 1]
    if (last !== undefined && last.at > newestMs) break
    if (after === null || oldestMs <= after.at) page = merge([page, await slice(bucket)], limit)
  }
  return page
}

/** Rows of one bucket, for its total. */
export async function countLikes(session: CassandraSession, postId: Id, bucket: number): Promise<Total> {
  const query = `SELECT count(*) AS n, max(created_at) AS newest, min(created_at) AS oldest FROM likes
    WHERE post_id = ? AND bucket = ?`
  const row = await session.aggregate(query, [BigInt(postId), bucket])
  const ms = (instant: Date | null) => instant?.getTime() ?? 0
  return { rows: Number(row.n), newestMs: ms(row.newest), oldestMs: ms(row.oldest) }
}

const outcome = ({ state, at, version }: LikeRow, changed: boolean): LikeOutcome => ({ state, at, version, changed })

const isLiked = (row: LikeRow | null) => row?.state === 'liked'
const hasTurned = (before: LikeRow | null, after: LikeRow) => isLiked(before) !== isLiked(after)

/** The row that a newer tap leads to. */
function follow(seen: LikeRow | null, like: LikeWrite, writeId: types.Uuid, bucket: number): LikeRow {
  const { state, at, version } = like
  if (state === 'liked' && !isLiked(seen)) {
    return { state, at, version, writeId, place: { bucket, createdAt: at } }
  }
  if (seen === null) return { state, at: 0, version, writeId, place: null }
  return { state, at: seen.state === state ? seen.at : at, version, writeId, place: seen.place }
}

type Liker = { userId: Id; at: number }

/** Newest first, equal instants by user id: two slices, since CQL compares pairs in one direction only. */
async function likersIn(
  session: CassandraSession,
  postId: Id,
  bucket: number,
  limit: number,
  after: Liker | null,
): Promise<Liker[]> {
  const query = 'SELECT created_at, user_id FROM likes WHERE post_id = ? AND bucket = ?'
  const key = [BigInt(postId), bucket]
  const read = async (more: string, params: (bigint | Date)[]) =>
    (await session.list(`${query} ${more} LIMIT ?`, [...key, ...params, limit])).map((row) => ({
      userId: String(row.user_id),
      at: (row.created_at as Date).getTime(),
    }))
  if (after === null) return read('', [])
  const at = new Date(after.at)
  const [same, older] = await Promise.all([
    read('AND created_at = ? AND user_id > ?', [at, BigInt(after.userId)]),
    read('AND created_at < ?', [at]),
  ])
  return [...same, ...older].slice(0, limit)
}

function merge(lists: readonly Liker[][], limit: number): Liker[] {
  const byNewest = (a: Liker, b: Liker) => b.at - a.at || (BigInt(a.userId) < BigInt(b.userId) ? -1 : 1)
  return lists.flat().sort(byNewest).slice(0, limit)
}
