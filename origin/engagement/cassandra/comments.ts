/**
 * Comments. A comment is one row, replies among them, and its id says in which bucket it lies. The other tables hold ids
 * only: threads (those at the top), replies by parent, comments by user. They are written first, so that a comment that
 * stands is always found; an id whose comment never came, or is deleted, is passed over.
 */
import { firstIdAt, type Id, idMs, type Random } from '#core/ids.ts'
import { problems } from '#core/problem.ts'
import type { EngagementStore, NewComment, StoredComment, TopComment } from '../store.ts'
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

export function cassandraComments(needs: CommentNeeds): CommentStore {
  return {
    addComment: (comment) => addComment(needs, comment),
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

const bucketOf = ({ buckets }: CommentNeeds, postId: Id, commentId: Id) =>
  buckets.at(postId, 'comments', idMs(commentId))

const keyOf = async (needs: CommentNeeds, postId: Id, commentId: Id) =>
  [BigInt(postId), await bucketOf(needs, postId, commentId), BigInt(commentId)] as const

async function find(needs: CommentNeeds, postId: Id, commentId: Id): Promise<StoredComment | null> {
  const key = await keyOf(needs, postId, commentId)
  const [row] = await needs.session.read(`SELECT ${COLUMNS} FROM comments ${AT}`, key)
  return row === undefined ? null : readComment(row)
}

/** Sees conditional writes that are under way, too. */
async function findSerial(needs: CommentNeeds, postId: Id, commentId: Id): Promise<StoredComment | null> {
  const key = await keyOf(needs, postId, commentId)
  const row = await needs.session.readSerial(`SELECT ${COLUMNS} FROM comments ${AT}`, key)
  return row === null ? null : readComment(row)
}

/** The comments of some ids, in the ids' order; those that never came are left out. */
async function load(needs: CommentNeeds, postId: Id, ids: readonly Id[]): Promise<StoredComment[]> {
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

/**
 * A page of what some ids lead to, read on until it is full or the ids end.
 * @param idsAfter the next ids after the last one seen, at most `limit`
 * @param shown those of their comments that are to be listed
 */
async function fill<T extends StoredComment>(
  limit: number,
  from: Id,
  idsAfter: (last: Id) => Promise<Id[]>,
  shown: (ids: readonly Id[]) => Promise<T[]>,
): Promise<T[]> {
  const page: T[] = []
  for (let last = from; page.length < limit; ) {
    const ids = await idsAfter(last)
    page.push(...(await shown(ids)))
    last = ids.at(-1) ?? last
    if (ids.length < limit) break
  }
  return page
}

async function listReplies(
  needs: CommentNeeds,
  postId: Id,
  parentId: Id,
  limit: number,
  after: Id | null,
): Promise<StoredComment[]> {
  const query = 'SELECT comment_id FROM replies WHERE parent_id = ? AND comment_id > ? LIMIT ?'
  const page = await fill(
    limit,
    after ?? '0',
    async (last) => idsOf(await needs.session.list(query, [BigInt(parentId), BigInt(last), limit])),
    async (ids) => (await load(needs, postId, ids)).filter((reply) => reply.parentId === parentId && !reply.deleted),
  )
  return page.slice(0, limit)
}

async function withReplies(needs: CommentNeeds, top: StoredComment): Promise<TopComment> {
  const [reply] = await listReplies(needs, top.postId, top.commentId, 1, null)
  return { ...top, hasReplies: reply !== undefined }
}

/** A bucket's threads below an id, without those that are gone: a deleted comment stands as long as a reply to it does. */
function threadsIn(needs: CommentNeeds, postId: Id, bucket: number, limit: number, before: Id): Promise<TopComment[]> {
  const query = 'SELECT comment_id FROM threads WHERE post_id = ? AND bucket = ? AND comment_id < ? LIMIT ?'
  return fill(
    limit,
    before,
    async (last) => idsOf(await needs.session.list(query, [BigInt(postId), bucket, BigInt(last), limit])),
    async (ids) => {
      const tops = (await load(needs, postId, ids)).filter((comment) => comment.parentId === null)
      const found = await Promise.all(tops.map((top) => withReplies(needs, top)))
      return found.filter((top) => !top.deleted || top.hasReplies)
    },
  )
}

async function topComments(needs: CommentNeeds, postId: Id, limit: number, before: Id | null): Promise<TopComment[]> {
  const page: TopComment[] = []
  for (const { bucket, opensAt } of [...(await needs.buckets.of(postId, 'comments'))].reverse()) {
    if (before !== null && BigInt(before) <= BigInt(firstIdAt(opensAt))) continue
    page.push(...(await threadsIn(needs, postId, bucket, limit - page.length, before ?? LAST_ID)))
    if (page.length >= limit) break
  }
  return page.slice(0, limit)
}

async function addComment(
  needs: CommentNeeds,
  comment: NewComment,
): Promise<{ added: boolean; comment: StoredComment }> {
  const { session, buckets, random } = needs
  const { postId, commentId } = comment
  const bucket = await bucketOf(needs, postId, commentId)
  await addIds(session, comment, bucket)
  const added = { ...comment, version: 1, editedMs: null, deleted: false }
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

const idsOf = (rows: readonly Row[]): Id[] => rows.map((row) => String(row.comment_id))

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
