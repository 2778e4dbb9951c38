/**
 * Comments. A comment is one row, replies among them, and its id says in which bucket it lies. The other tables hold ids
 * only: threads (those at the top), replies by parent, comments by user. They are written first, so that a comment that
 * stands is always found; an id whose comment never came, or is deleted, is passed over.
 */
import { firstIdAt, type Id, idMs, type Random } from '#core/ids.ts'
import { problems } from '#core/problem.ts'
import type { EngagementStore, StoredComment, TopComment } from '../store.ts'
import type { Buckets, Total } from './buckets.ts'
import { afterRefusal } from './races.ts'
import type { CassandraSession, Decision, Row } from './session.ts'

export type CommentStore = Pick<
  EngagementStore,
  'addComment' | 'comment' | 'topComments' | 'replies' | 'editComment' | 'removeComment'
>

export interface CommentNeeds {
  session: CassandraSession
  buckets: Buckets
  random: Random
}

const ATTEMPTS = 8
/** Left as it is; a null would leave a tombstone behind. */
const UNSET = undefined
const COLUMNS = 'post_id, comment_id, parent_id, user_id, body, version, created_at, edited_at, deleted'
const AT = 'WHERE post_id = ? AND bucket = ? AND comment_id = ?'

export function cassandraComments({ session, buckets, random }: CommentNeeds): CommentStore {
  const bucketOf = (postId: Id, commentId: Id) => buckets.at(postId, 'comments', idMs(commentId))
  const keyOf = async (postId: Id, commentId: Id) =>
    [BigInt(postId), await bucketOf(postId, commentId), BigInt(commentId)] as const

  const find = async (postId: Id, commentId: Id): Promise<StoredComment | null> => {
    const [row] = await session.read(`SELECT ${COLUMNS} FROM comments ${AT}`, await keyOf(postId, commentId))
    return row === undefined ? null : readComment(row)
  }
  const findSerial = async (postId: Id, commentId: Id): Promise<StoredComment | null> => {
    const row = await session.readSerial(`SELECT ${COLUMNS} FROM comments ${AT}`, await keyOf(postId, commentId))
    return row === null ? null : readComment(row)
  }

  /** The comments of some ids, in the ids' order; those that never came are left out. */
  const load = async (postId: Id, ids: readonly Id[]): Promise<StoredComment[]> => {
    const byBucket = new Map<number, Id[]>()
    for (const id of ids) {
      const bucket = await bucketOf(postId, id)
      byBucket.set(bucket, [...(byBucket.get(bucket) ?? []), id])
    }
    const query = `SELECT ${COLUMNS} FROM comments WHERE post_id = ? AND bucket = ? AND comment_id IN ?`
    const found = await Promise.all(
      [...byBucket].map(([bucket, some]) => session.list(query, [BigInt(postId), bucket, some.map(BigInt)])),
    )
    const comments = new Map(found.flat().map((row) => [String(row.comment_id), readComment(row)]))
    return ids.flatMap((id) => comments.get(id) ?? [])
  }

  const listReplies = async (postId: Id, parentId: Id, limit: number, after: Id | null) => {
    const query = 'SELECT comment_id FROM replies WHERE parent_id = ? AND comment_id > ? LIMIT ?'
    const page: StoredComment[] = []
    for (let last = after ?? '0'; page.length < limit; ) {
      const rows = await session.list(query, [BigInt(parentId), BigInt(last), limit])
      const ids = rows.map((row) => String(row.comment_id))
      const standing = (await load(postId, ids)).filter((reply) => reply.parentId === parentId && !reply.deleted)
      page.push(...standing)
      last = ids.at(-1) ?? last
      if (ids.length < limit) break
    }
    return page.slice(0, limit)
  }
  const withReplies = async (top: StoredComment): Promise<TopComment> => {
    const [reply] = await listReplies(top.postId, top.commentId, 1, null)
    return { ...top, hasReplies: reply !== undefined }
  }

  /** A bucket's threads below an id, without those that are gone. */
  const threadsIn = async (postId: Id, bucket: number, limit: number, before: Id) => {
    const query = 'SELECT comment_id FROM threads WHERE post_id = ? AND bucket = ? AND comment_id < ? LIMIT ?'
    const page: TopComment[] = []
    for (let last = before; page.length < limit; ) {
      const rows = await session.list(query, [BigInt(postId), bucket, BigInt(last), limit])
      const ids = rows.map((row) => String(row.comment_id))
      const tops = (await load(postId, ids)).filter((comment) => comment.parentId === null)
      const found = await Promise.all(tops.map(withReplies))
      page.push(...found.filter((top) => !top.deleted || top.hasReplies))
      last = ids.at(-1) ?? last
      if (ids.length < limit) break
    }
    return page
  }

  /** Moves a comment from what it was; `change` answers null when nothing is left to do. */
  const move = async (
    postId: Id,
    commentId: Id,
    change: (standing: StoredComment) => Pick<StoredComment, 'body' | 'editedMs' | 'deleted'> | null,
  ): Promise<{ changed: boolean; comment: StoredComment | null }> => {
    const statement = `UPDATE comments SET body = ?, edited_at = ?, deleted = ?, version = ? ${AT} IF version = ?`
    let standing = await find(postId, commentId)
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      const next = standing === null ? null : change(standing)
      if (standing === null || next === null) return { changed: false, comment: standing }
      const moved = { ...standing, ...next, version: standing.version + 1 }
      const editedAt = moved.editedMs === null ? UNSET : new Date(moved.editedMs)
      const decision = await session.decide(statement, [
        ...[moved.body, editedAt, moved.deleted, moved.version],
        ...(await keyOf(postId, commentId)),
        standing.version,
      ])
      if (decision === 'applied') return { changed: true, comment: moved }
      const found = await afterRefusal(random, decision, attempt, () => findSerial(postId, commentId))
      // Nobody else writes the same version with the same content, but a twin of this very request.
      if (decision === 'unknown' && isSame(found, moved)) return { changed: true, comment: moved }
      standing = found
    }
    throw problems.away('Cassandra')
  }

  return {
    async addComment(comment) {
      const { postId, commentId, parentId, userId } = comment
      const [post, bucket, id] = await keyOf(postId, commentId)
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
      const added = { ...comment, version: 1, editedMs: null, deleted: false }
      let mayBeMine = false
      for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
        const decision = await insert(session, added, bucket)
        mayBeMine ||= decision !== 'refused'
        const standing =
          decision === 'applied'
            ? added
            : await afterRefusal(random, decision, attempt, () => findSerial(postId, commentId))
        if (standing === null) continue
        await buckets.changed(postId, 'comments', bucket, 'added')
        return { added: mayBeMine && isSame(standing, added), comment: standing }
      }
      throw problems.away('Cassandra')
    },

    comment: find,

    async topComments(postId, limit, before) {
      const page: TopComment[] = []
      for (const { bucket, opensAt } of [...(await buckets.of(postId, 'comments'))].reverse()) {
        if (before !== null && BigInt(before) <= BigInt(firstIdAt(opensAt))) continue
        page.push(...(await threadsIn(postId, bucket, limit - page.length, before ?? LAST_ID)))
        if (page.length >= limit) break
      }
      return page.slice(0, limit)
    },

    replies: listReplies,

    async editComment({ postId, commentId, body, at }) {
      const { changed, comment } = await move(postId, commentId, ({ deleted, editedMs }) =>
        deleted || (editedMs ?? 0) >= at ? null : { body, editedMs: at, deleted: false },
      )
      return comment === null ? null : { changed, comment }
    },

    async removeComment(postId, commentId) {
      const { changed, comment } = await move(postId, commentId, ({ deleted, editedMs }) =>
        deleted ? null : { body: '', editedMs, deleted: true },
      )
      // Repeated for one that was deleted before: the attempt that did it may have been cut off here.
      if (comment?.deleted) {
        await buckets.changed(postId, 'comments', await bucketOf(postId, commentId), 'removed')
      }
      return { changed }
    },
  }
}

/** Comments of one bucket that are not deleted. It reads one partition, so filtering costs nothing more. */
export async function countComments(session: CassandraSession, postId: Id, bucket: number): Promise<Total> {
  const query = `SELECT count(*) AS n, max(created_at) AS newest, min(created_at) AS oldest FROM comments
    WHERE post_id = ? AND bucket = ? AND deleted = false ALLOW FILTERING`
  const row = await session.aggregate(query, [BigInt(postId), bucket])
  return { rows: Number(row.n), newestMs: row.newest?.getTime() ?? 0, oldestMs: row.oldest?.getTime() ?? 0 }
}

/** Above every id. */
const LAST_ID = String((1n << 63n) - 1n)

function insert(session: CassandraSession, comment: StoredComment, bucket: number): Promise<Decision> {
  const { postId, commentId, parentId, userId, body, createdMs } = comment
  return session.decide(
    `INSERT INTO comments (bucket, post_id, comment_id, parent_id, user_id, body, created_at, version, deleted)
     VALUES (?, ?, ?, ?, ?, ?, ?, 1, false) IF NOT EXISTS`,
    [
      ...[bucket, BigInt(postId), BigInt(commentId), parentId === null ? UNSET : BigInt(parentId)],
      ...[BigInt(userId), body, new Date(createdMs)],
    ],
  )
}

const isSame = (a: StoredComment | null, b: StoredComment) =>
  a?.version === b.version && a.userId === b.userId && a.body === b.body && a.deleted === b.deleted

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
