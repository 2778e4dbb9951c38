/** Rows of comments: where they lie, and how they are read. */
import { type Id, idMs, type Random } from '#core/ids.ts'
import type { StoredComment } from '../store.ts'
import type { Buckets } from './buckets.ts'
import type { CassandraSession, Row } from './session.ts'

export interface CommentNeeds {
  session: CassandraSession
  buckets: Buckets
  random: Random
}

const COLUMNS = 'post_id, comment_id, parent_id, user_id, body, version, created_at, edited_at, deleted'
/** Takes what `keyOf` answers. */
export const AT = 'WHERE post_id = ? AND bucket = ? AND comment_id = ?'

export const bucketOf = ({ buckets }: CommentNeeds, postId: Id, commentId: Id) =>
  buckets.at(postId, 'comments', idMs(commentId))

export const keyOf = async (needs: CommentNeeds, postId: Id, commentId: Id) =>
  [BigInt(postId), await bucketOf(needs, postId, commentId), BigInt(commentId)] as const

export async function find(needs: CommentNeeds, postId: Id, commentId: Id): Promise<StoredComment | null> {
  const key = await keyOf(needs, postId, commentId)
  const [row] = await needs.session.read(`SELECT ${COLUMNS} FROM comments ${AT}`, key)
  return row === undefined ? null : readComment(row)
}

/** Sees conditional writes that are under way, too. */
export async function findSerial(needs: CommentNeeds, postId: Id, commentId: Id): Promise<StoredComment | null> {
  const key = await keyOf(needs, postId, commentId)
  const row = await needs.session.readSerial(`SELECT ${COLUMNS} FROM comments ${AT}`, key)
  return row === null ? null : readComment(row)
}

/** The comments of some ids, in the ids' order; those that never came are left out. */
export async function load(needs: CommentNeeds, postId: Id, ids: readonly Id[]): Promise<StoredComment[]> {
  const byBucket = new Map<number, Id[]>()
  for (const id of ids) {
    const bucket = await bucketOf(needs, postId, id)
    byBucket.set(bucket, [...(byBucket.get(bucket) ?? []), id])
  }
  const query = `SELECT ${COLUMNS} FROM comments WHERE post_id = ? AND bucket = ? AND comment_id IN ?`
  const found = await Promise.all(
    [...byBucket].map(([bucket, some]) => needs.session.list(query, [BigInt(postId), bucket, some.map(BigInt)])),
  )
  const comments = new Map(found.flat().map((row) => [String(row.comment_id), readComment(row)]))
  return ids.flatMap((id) => comments.get(id) ?? [])
}

function readComment(row: Row): StoredComment {
  const editedAt = row.edited_at as Date | null
  return {
    postId: String(row.post_id),
    commentId: String(row.comment_id),
    parentId: row.parent_id === null ? null : String(row.parent_id),
    userId: String(row.user_id),
    body: row.body as string,
    version: row.version as number,
    createdMs: (row.created_at as Date).getTime(),
    editedMs: editedAt?.getTime() ?? null,
    deleted: row.deleted as boolean,
  }
}
