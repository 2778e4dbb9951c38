/**
 * Both tables of likes are written by one tap, the person's first: a process that dies between the two leaves a like that
 * its person sees and nobody else, or a removal that nobody else sees. This walks over the persons' rows, a portion at a
 * time, and brings posts' rows to them. A post's row without a person's cannot come about.
 */
import type { Id } from '#core/ids.ts'
import type { EngagementStore, ReconciledLikes } from '../store.ts'
import { findLikeSerial, isPlaced, LIKE_COLUMNS, placeLike, readLikeRow } from './like-rows.ts'
import type { LikeNeeds } from './likes.ts'
import type { CassandraSession, Row } from './session.ts'

/** Look-ups under way at once: as many as leave the nodes to their readers. */
const PARALLEL = 16

export function cassandraReconcile(
  needs: Pick<LikeNeeds, 'session' | 'rows' | 'buckets'>,
): Pick<EngagementStore, 'reconcileLikes'> {
  return {
    async reconcileLikes(after, limit) {
      const rows = await personsRows(needs.session, after, limit)
      const repaired: ReconciledLikes['repaired'] = []
      for (let i = 0; i < rows.length; i += PARALLEL) {
        const some = rows.slice(i, i + PARALLEL)
        const drifted = await Promise.all(some.map((row) => reconcile(needs, row)))
        repaired.push(...some.filter((_, n) => drifted[n]).map(placeOf))
      }
      const last = rows.at(-1)
      return { next: last === undefined || rows.length < limit ? null : placeOf(last), checked: rows.length, repaired }
    },
  }
}

const placeOf = (row: Row): { userId: Id; postId: Id } => ({ userId: String(row.user_id), postId: String(row.post_id) })

/** The rows after a place, in the order of the ring: first what is left of that person's, then of the persons behind. */
async function personsRows(
  session: CassandraSession,
  after: { userId: Id; postId: Id } | null,
  limit: number,
): Promise<Row[]> {
  const select = `SELECT user_id, post_id, ${LIKE_COLUMNS} FROM likes_by_user`
  if (after === null) return session.read(`${select} LIMIT ?`, [limit])
  const userId = BigInt(after.userId)
  const own = await session.read(`${select} WHERE user_id = ? AND post_id > ? LIMIT ?`, [
    ...[userId, BigInt(after.postId), limit],
  ])
  if (own.length === limit) return own
  const behind = `${select} WHERE token(user_id) > token(?) LIMIT ?`
  return [...own, ...(await session.read(behind, [userId, limit - own.length]))]
}

/** Whether the post's row had to be brought to the person's. */
async function reconcile(needs: Pick<LikeNeeds, 'session' | 'rows' | 'buckets'>, row: Row): Promise<boolean> {
  const { userId, postId } = placeOf(row)
  if (await isPlaced(needs.session, postId, userId, readLikeRow(row))) return false
  // Seen in the middle of a tap, most likely: what it has come to is looked at once more.
  const standing = await findLikeSerial(needs.session, postId, userId)
  if (standing === null || (await isPlaced(needs.session, postId, userId, standing))) return false
  await placeLike(needs, postId, userId, standing)
  return true
}
