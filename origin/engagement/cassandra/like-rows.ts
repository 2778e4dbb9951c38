/**
 * The two rows of a like. What decides is the person's row in likes_by_user, moved by conditional writes only; the post's
 * row in likes follows from it, under a write time made of the version, so that placing and removing may be repeated and
 * may overtake one another.
 */
import type { types } from 'cassandra-driver'
import type { Id } from '#core/ids.ts'
import type { LikeState, LikeWrite } from '../store.ts'
import type { Buckets } from './buckets.ts'
import type { RowWrites } from './row-writes.ts'
import type { CassandraSession, Decision, Row, Value } from './session.ts'

export interface LikeRow extends LikeState {
  /** Where the post's row of the newest like lies, or lay; null on a tombstone that no like came before. */
  place: { bucket: number; createdAt: number } | null
  /** Of the attempt that wrote it: tells one's own write from a twin's after a timeout. */
  writeId: types.Uuid
}

/** The columns of a person's row that `readLikeRow` wants. */
export const LIKE_COLUMNS = 'state, changed_at, version, bucket, created_at, write_id'

export function readLikeRow(row: Row): LikeRow {
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

const QUERY = `SELECT ${LIKE_COLUMNS} FROM likes_by_user WHERE user_id = ? AND post_id = ?`

export async function findLike(session: CassandraSession, postId: Id, userId: Id): Promise<LikeRow | null> {
  const [row] = await session.read(QUERY, [BigInt(userId), BigInt(postId)])
  return row === undefined ? null : readLikeRow(row)
}

/** Sees conditional writes that are under way, too. */
export async function findLikeSerial(session: CassandraSession, postId: Id, userId: Id): Promise<LikeRow | null> {
  const row = await session.readSerial(QUERY, [BigInt(userId), BigInt(postId)])
  return row === null ? null : readLikeRow(row)
}

/** Writes the person's row, if it is still as it was seen. A refusal says what stands where it knows: null else. */
export async function moveLike(
  session: CassandraSession,
  { postId, userId }: LikeWrite,
  seen: LikeRow | null,
  next: LikeRow,
): Promise<{ decision: Decision; standing: LikeRow | null }> {
  const { state, at, version, place, writeId } = next
  // Undefined leaves a column unset: a null would leave a tombstone.
  const createdAt = place === null ? undefined : new Date(place.createdAt)
  const values = [state, BigInt(at), BigInt(version), place?.bucket, createdAt, writeId]
  const key = [BigInt(userId), BigInt(postId)]
  if (seen === null) {
    const columns = 'state, changed_at, version, bucket, created_at, write_id, user_id, post_id'
    const insert = `INSERT INTO likes_by_user (${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS`
    const claimed = await session.claim(insert, [...values, ...key])
    if (typeof claimed === 'string') return { decision: claimed, standing: null }
    return { decision: 'refused', standing: readLikeRow(claimed) }
  }
  const decision = await session.decide(
    `UPDATE likes_by_user SET state = ?, changed_at = ?, version = ?, bucket = ?, created_at = ?, write_id = ?
     WHERE user_id = ? AND post_id = ? IF version = ?`,
    [...values, ...key, BigInt(seen.version)],
  )
  return { decision, standing: null }
}

/**
 * The write time of a post's row, in microseconds: half the version is the millisecond of the tap, and a removal comes
 * half a millisecond after the like of the same one.
 */
const writeTime = (version: number) => BigInt(version) * 500n

const AT = 'WHERE post_id = ? AND bucket = ? AND created_at = ? AND user_id = ?'
const keyOf = (postId: Id, userId: Id, { bucket, createdAt }: NonNullable<LikeRow['place']>): Value[] => [
  ...[BigInt(postId), bucket, new Date(createdAt), BigInt(userId)],
]

/** Brings the post's row to what the person's row says. Repeatable, in any order. */
export async function placeLike(
  { rows, buckets }: { rows: RowWrites; buckets: Buckets },
  postId: Id,
  userId: Id,
  row: LikeRow,
): Promise<void> {
  if (row.place === null) return
  const [key, time] = [keyOf(postId, userId, row.place), writeTime(row.version)]
  const statement =
    row.state === 'liked'
      ? {
          query: `INSERT INTO likes (post_id, bucket, created_at, user_id) VALUES (?, ?, ?, ?) USING TIMESTAMP ?`,
          params: [...key, time],
        }
      : { query: `DELETE FROM likes USING TIMESTAMP ? ${AT}`, params: [time, ...key] }
  await rows.write(`${postId}/${row.place.bucket}`, statement)
  await buckets.changed(postId, 'likes', row.place.bucket, row.state === 'liked' ? 'added' : 'removed')
}

/** Whether the post's row says what the person's row says. */
export async function isPlaced(session: CassandraSession, postId: Id, userId: Id, row: LikeRow): Promise<boolean> {
  if (row.place === null) return true
  const found = await session.read(`SELECT user_id FROM likes ${AT}`, keyOf(postId, userId, row.place))
  return found.length > 0 === (row.state === 'liked')
}
