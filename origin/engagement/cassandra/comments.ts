/**
 * Comments. A comment is one row, replies among them, and its id says in which bucket it lies. The other tables hold ids
 * only: threads (those at the top), replies by parent, comments by user. They are written first, so that a comment that
 * stands is always found; an id whose comment never came, or is deleted, is passed over.
 */
import type { Id } from '#core/ids.ts'
import { problems } from '#core/problem.ts'
import type { EngagementStore, NewComment, StoredComment } from '../store.ts'
import type { Total } from './buckets.ts'
import { listReplies, topComments } from './comment-pages.ts'
import { AT, bucketOf, type CommentNeeds, find, findSerial, keyOf } from './comment-rows.ts'
import { afterRefusal } from './races.ts'
import type { CassandraSession, Decision } from './session.ts'

export type CommentStore = Pick<
  EngagementStore,
  'addComment' | 'comment' | 'topComments' | 'replies' | 'editComment' | 'removeComment' | 'forestallComment'
>

const ATTEMPTS = 8
/** Left as it is; a null would leave a tombstone behind. */
const UNSET = undefined

export function cassandraComments(needs: CommentNeeds): CommentStore {
  return {
    addComment: (comment) => addComment(needs, comment),
    async forestallComment(comment) {
      const bucket = await bucketOf(needs, comment.postId, comment.commentId)
      return (await insertOnce(needs, { ...comment, ...NEW, parentId: null, body: '', deleted: true }, bucket)).comment
    },
    comment: (postId, commentId) => find(needs, postId, commentId),
    topComments: (postId, limit, before) => topComments(needs, postId, limit, before),
    replies: (postId, parentId, limit, after) => listReplies(needs, postId, parentId, limit, after),
    async editComment({ postId, commentId, body, at }) {
      const { changed, comment } = await move(needs, postId, commentId, ({ deleted, editedMs }) =>
        deleted || (editedMs ?? 0) >= at ? null : { body, editedMs: at, deleted: false },
      )
      return comment === null ? null : { changed, comment }
    },
    async removeComment(postId, commentId) {
      const { changed, comment } = await move(needs, postId, commentId, ({ deleted, editedMs }) =>
        deleted ? null : { body: '', editedMs, deleted: true },
      )
      // Repeated for one that was deleted before: the attempt that did it may have been cut off here.
      if (comment?.deleted) {
        await needs.buckets.changed(postId, 'comments', await bucketOf(needs, postId, commentId), 'removed')
      }
      return { changed }
    },
  }
}

async function addComment(
  needs: CommentNeeds,
  comment: NewComment,
): Promise<{ added: boolean; comment: StoredComment }> {
  const bucket = await bucketOf(needs, comment.postId, comment.commentId)
  await addIds(needs.session, comment, bucket)
  return insertOnce(needs, { ...comment, ...NEW }, bucket)
}

const NEW = { version: 1, editedMs: null, deleted: false }

/** Of all who insert under an id one does; the others find what that one wrote. */
async function insertOnce(
  needs: CommentNeeds,
  added: StoredComment,
  bucket: number,
): Promise<{ added: boolean; comment: StoredComment }> {
  const { session, buckets, random } = needs
  const { postId, commentId } = added
  let mayBeMine = false
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const decision = await insert(session, added, bucket)
    mayBeMine ||= decision !== 'refused'
    const standing =
      decision === 'applied'
        ? added
        : await afterRefusal(random, decision, attempt, () => findSerial(needs, postId, commentId))
    if (standing === null) continue
    await buckets.changed(postId, 'comments', bucket, 'added')
    return { added: mayBeMine && isSame(standing, added), comment: standing }
  }
  throw problems.away('Cassandra')
}

/** Where the comment will be looked for. */
async function addIds(
  session: CassandraSession,
  { postId, commentId, parentId, userId }: NewComment,
  bucket: number,
): Promise<void> {
  const [post, id] = [BigInt(postId), BigInt(commentId)]
  await Promise.all([
    parentId === null
      ? session.write('INSERT INTO threads (post_id, bucket, comment_id) VALUES (?, ?, ?)', [post, bucket, id])
      : session.write('INSERT INTO replies (parent_id, comment_id, post_id) VALUES (?, ?, ?)', [
          ...[BigInt(parentId), id, post],
        ]),
    session.write('INSERT INTO comments_by_user (user_id, comment_id, post_id) VALUES (?, ?, ?)', [
      ...[BigInt(userId), id, post],
    ]),
  ])
}

type Change = Pick<StoredComment, 'body' | 'editedMs' | 'deleted'>

/** Moves a comment from what it was; `change` answers null when nothing is left to do. */
async function move(
  needs: CommentNeeds,
  postId: Id,
  commentId: Id,
  change: (standing: StoredComment) => Change | null,
): Promise<{ changed: boolean; comment: StoredComment | null }> {
  const { session, random } = needs
  const statement = `UPDATE comments SET body = ?, edited_at = ?, deleted = ?, version = ? ${AT} IF version = ?`
  let standing = await find(needs, postId, commentId)
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const next = standing === null ? null : change(standing)
    if (standing === null || next === null) return { changed: false, comment: standing }
    const moved = { ...standing, ...next, version: standing.version + 1 }
    const editedAt = moved.editedMs === null ? UNSET : new Date(moved.editedMs)
    const decision = await session.decide(statement, [
      ...[moved.body, editedAt, moved.deleted, moved.version],
      ...(await keyOf(needs, postId, commentId)),
      standing.version,
    ])
    if (decision === 'applied') return { changed: true, comment: moved }
    const found = await afterRefusal(random, decision, attempt, () => findSerial(needs, postId, commentId))
    // Nobody else writes the same version with the same content, but a twin of this very request.
    if (decision === 'unknown' && isSame(found, moved)) return { changed: true, comment: moved }
    standing = found
  }
  throw problems.away('Cassandra')
}

/** Comments of one bucket that are not deleted. It reads one partition, so filtering costs nothing more. */
export async function countComments(session: CassandraSession, postId: Id, bucket: number): Promise<Total> {
  const query = `SELECT count(*) AS n, max(created_at) AS newest, min(created_at) AS oldest FROM comments
    WHERE post_id = ? AND bucket = ? AND deleted = false ALLOW FILTERING`
  const row = await session.aggregate(query, [BigInt(postId), bucket])
  return { rows: Number(row.n), newestMs: row.newest?.getTime() ?? 0, oldestMs: row.oldest?.getTime() ?? 0 }
}

function insert(session: CassandraSession, comment: StoredComment, bucket: number): Promise<Decision> {
  const { postId, commentId, parentId, userId, body, createdMs, version, deleted } = comment
  return session.decide(
    `INSERT INTO comments (bucket, post_id, comment_id, parent_id, user_id, body, created_at, version, deleted)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS`,
    [
      ...[bucket, BigInt(postId), BigInt(commentId), parentId === null ? UNSET : BigInt(parentId)],
      ...[BigInt(userId), body, new Date(createdMs), version, deleted],
    ],
  )
}

const isSame = (a: StoredComment | null, b: StoredComment) =>
  a?.version === b.version && a.userId === b.userId && a.body === b.body && a.deleted === b.deleted
