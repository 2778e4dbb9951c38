/**
 * Likes. What decides is the person's row in likes_by_user, moved by conditional writes only; the post's row in likes
 * follows from it, under a write time made of the version, so that placing and removing may be repeated and may overtake
 * one another.
 */
import { types } from 'cassandra-driver'
import type { Id, Random } from '#core/ids.ts'
import { problems } from '#core/problem.ts'
import type { EngagementStore, LikeOutcome, LikeState, LikeWrite } from '../store.ts'
import type { Buckets, Total } from './buckets.ts'
import { afterRefusal } from './races.ts'
import type { CassandraSession, Decision, Row } from './session.ts'

interface LikeRow extends LikeState {
  /** Where the post's row of the newest like lies, or lay; null on a tombstone that no like came before. */
  place: { bucket: number; createdAt: number } | null
  /** Of the attempt that wrote it: tells one's own write from a twin's after a timeout. */
  writeId: types.Uuid
}

export type LikeStore = Pick<EngagementStore, 'setLike' | 'likeOf' | 'likers' | 'likedAmong' | 'likesBy'>

export interface LikeNeeds {
  session: CassandraSession
  buckets: Buckets
  now(): number
  random: Random
}

/** Races over one person's likes end after a few rounds; one that does not is an overload. */
const ATTEMPTS = 12

/**
 * The write time of a post's row, in microseconds: half the version is the millisecond of the tap, and a removal comes
 * half a millisecond after the like of the same one.
 */
const writeTime = (version: number) => BigInt(version) * 500n

export function cassandraLikes(needs: LikeNeeds): LikeStore {
  const { session, buckets } = needs

  /** Brings the post's row to what the person's row says. Repeatable, in any order. */
  const place = async (postId: Id, userId: Id, row: LikeRow) => {
    if (row.place === null) return
    const { bucket, createdAt } = row.place
    const key = [BigInt(postId), bucket, new Date(createdAt), BigInt(userId)]
    if (row.state === 'liked') {
      const statement = 'INSERT INTO likes (post_id, bucket, created_at, user_id) VALUES (?, ?, ?, ?) USING TIMESTAMP ?'
      await session.write(statement, [...key, writeTime(row.version)])
    } else {
      const where = 'WHERE post_id = ? AND bucket = ? AND created_at = ? AND user_id = ?'
      await session.write(`DELETE FROM likes USING TIMESTAMP ? ${where}`, [writeTime(row.version), ...key])
    }
    await buckets.changed(postId, 'likes', bucket, row.state === 'liked' ? 'added' : 'removed')
  }

  const openBucket = (postId: Id) => buckets.at(postId, 'likes', needs.now())

  return {
    async setLike(like) {
      const { postId, userId } = like
      const writeId = types.Uuid.random()
      // Most likes are the first: they need not look before. A removal seldom is.
      let seen = like.state === 'liked' ? null : await readRow(session.read, postId, userId)
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        if (seen !== null && seen.version >= like.version) {
          // The attempt that wrote this version may have been cut off before the post's row.
          if (seen.version === like.version) await place(postId, userId, seen)
          return outcome(seen, false)
        }
        // The row is about to forget where that one lay.
        if (seen?.state === 'unliked' && like.state === 'liked') await place(postId, userId, seen)
        const next = follow(seen, like, writeId, like.state === 'liked' ? await openBucket(postId) : 0)
        const decision = await moveRow(session, like, seen, next)
        if (decision === 'applied') {
          await place(postId, userId, next)
          return outcome(next, hasTurned(seen, next))
        }
        const standing = await afterRefusal(needs.random, decision, attempt, () =>
          readRow((query, params) => session.readSerial(query, params).then(listed), postId, userId),
        )
        if (standing?.writeId.equals(writeId)) {
          await place(postId, userId, standing)
          return outcome(standing, hasTurned(seen, standing))
        }
        seen = standing
      }
      throw problems.away('Cassandra')
    },

    likeOf: async (postId, userId) => {
      const row = await readRow(session.read, postId, userId)
      return row === null ? null : { state: row.state, at: row.at, version: row.version }
    },

    async likers(postId, limit, after) {
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
    },

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
      }
      return likes.sort((a, b) => b.at - a.at).slice(0, limit)
    },
  }
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

function moveRow(
  session: CassandraSession,
  { postId, userId }: LikeWrite,
  seen: LikeRow | null,
  next: LikeRow,
): Promise<Decision> {
  const { state, at, version, place, writeId } = next
  // Undefined leaves a column unset: a null would leave a tombstone.
  const createdAt = place === null ? undefined : new Date(place.createdAt)
  const values = [state, BigInt(at), BigInt(version), place?.bucket, createdAt, writeId]
  const key = [BigInt(userId), BigInt(postId)]
  if (seen === null) {
    const columns = 'state, changed_at, version, bucket, created_at, write_id, user_id, post_id'
    return session.decide(`INSERT INTO likes_by_user (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS`, [
      ...values,
      ...key,
    ])
  }
  return session.decide(
    `UPDATE likes_by_user SET state = ?, changed_at = ?, version = ?, bucket = ?, created_at = ?, write_id = ?
     WHERE user_id = ? AND post_id = ? IF version = ?`,
    [...values, ...key, BigInt(seen.version)],
  )
}

const listed = (row: Row | null): Row[] => (row === null ? [] : [row])

async function readRow(read: CassandraSession['read'], postId: Id, userId: Id): Promise<LikeRow | null> {
  const query = `SELECT state, changed_at, version, bucket, created_at, write_id FROM likes_by_user
    WHERE user_id = ? AND post_id = ?`
  const [row] = await read(query, [BigInt(userId), BigInt(postId)])
  if (row === undefined) return null
  const bucket = row.bucket as number | null
  const createdAt = row.created_at as Date | null
  return {
    state: row.state as LikeState['state'],
    at: Number(row.changed_at),
    version: Number(row.version),
    place: bucket === null || createdAt === null ? null : { bucket, createdAt: createdAt.getTime() },
    writeId: row.write_id as types.Uuid,
  }
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
