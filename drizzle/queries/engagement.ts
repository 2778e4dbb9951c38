/** Likes, comments and shares in Postgres: conditional writes, tombstones, keyset pages. */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import type { Database } from '../database.ts'
import { OwnersParted } from '../ownership.ts'
import { writesAcross } from '../placement.ts'

const ids = (list: readonly Id[]) => sql`(SELECT jsonb_array_elements_text(${JSON.stringify(list)}::jsonb)::bigint)`

export interface LikeRow {
  state: 'liked' | 'unliked'
  /** When the state last changed; 0 on a tombstone that no like came before. */
  liked_at: string
  version: string
}

export interface LikeKey {
  postId: Id
  userId: Id
}

export interface LikeRowOf extends LikeRow {
  post_id: Id
  user_id: Id
}

/**
 * Brings likes to a state where the version is newer; no two of them of one person and post. Answers the rows that moved, as
 * they are now: those that were as new already are missing. `liked_at` moves only with the state, so `liked_at = at` in
 * the answer tells a change from a repetition, in one statement and without a look at the row before, which a race could make stale.
 * (A version says its instant: half of it. EXCLUDED has what would have been inserted, not what was asked.)
 * Rows are taken in the order of their keys: batches that meet wait for each other, and never deadlock.
 */
export function setLikes(likes: readonly (LikeKey & { state: string; at: number; version: number })[]): SQL {
  return sql`INSERT INTO likes AS l (post_id, user_id, state, liked_at, version)
    SELECT "postId", "userId", state, CASE WHEN state = 'liked' THEN at ELSE 0 END, version
    FROM jsonb_to_recordset(${JSON.stringify(likes)}::jsonb)
      AS i ("postId" bigint, "userId" bigint, state text, at bigint, version bigint)
    ORDER BY "postId", "userId"
    ON CONFLICT (post_id, user_id) DO UPDATE
      SET state = EXCLUDED.state, version = EXCLUDED.version,
          liked_at = CASE WHEN l.state = EXCLUDED.state THEN l.liked_at ELSE EXCLUDED.version / 2 END
      WHERE l.version < EXCLUDED.version
    RETURNING post_id, user_id, state, liked_at, version`
}

/** Rows of LikeRowOf; what there never was is missing. */
export function likesOf(likes: readonly LikeKey[]): SQL {
  const keys = likes.map(({ postId, userId }) => ({ postId, userId }))
  return sql`SELECT post_id, user_id, state, liked_at, version FROM likes
    WHERE (post_id, user_id) IN (SELECT "postId", "userId"
      FROM jsonb_to_recordset(${JSON.stringify(keys)}::jsonb) AS k ("postId" bigint, "userId" bigint))`
}

export function likeOf(postId: Id, userId: Id): SQL {
  return sql`SELECT state, liked_at, version FROM likes
    WHERE post_id = ${postId}::bigint AND user_id = ${userId}::bigint`
}

/** Rows of `{ user_id, liked_at }`, newest first; equal instants by user id. */
export function likers(postId: Id, limit: number, after: { at: number; userId: Id } | null): SQL {
  const below =
    after === null
      ? sql``
      : sql`AND liked_at <= ${after.at}::bigint AND (liked_at < ${after.at}::bigint OR user_id > ${after.userId}::bigint)`
  return sql`SELECT user_id, liked_at FROM likes
    WHERE post_id = ${postId}::bigint AND state = 'liked' ${below}
    ORDER BY liked_at DESC, user_id LIMIT ${limit}::int`
}

export function likedAmong(userId: Id, postIds: readonly Id[]): SQL {
  return sql`SELECT post_id FROM likes
    WHERE user_id = ${userId}::bigint AND state = 'liked' AND post_id IN ${ids(postIds)}`
}

/** Rows of `{ post_id, liked_at }`, newest first. */
export function likesBy(userId: Id, limit: number): SQL {
  return sql`SELECT post_id, liked_at FROM likes WHERE user_id = ${userId}::bigint AND state = 'liked'
    ORDER BY liked_at DESC LIMIT ${limit}::int`
}

/** One row `{ likes, comments }`, counted. */
export function countEngagement(postId: Id): SQL {
  return sql`SELECT
    (SELECT count(*)::int FROM likes WHERE post_id = ${postId}::bigint AND state = 'liked') AS likes,
    (SELECT count(*)::int FROM comments WHERE post_id = ${postId}::bigint AND deleted_at IS NULL) AS comments`
}

export interface CommentRow {
  post_id: Id
  comment_id: Id
  parent_id: Id | null
  user_id: Id
  body: string
  version: string
  created_ms: string
  edited_ms: string | null
  deleted: boolean
}

export interface TopCommentRow extends CommentRow {
  has_replies: boolean
}

const COMMENT = sql.raw(`post_id, comment_id, parent_id, user_id, body, version,
  (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
  (extract(epoch FROM edited_at) * 1000)::bigint AS edited_ms, deleted_at IS NOT NULL AS deleted`)

interface NewCommentRow {
  postId: Id
  commentId: Id
  parentId: Id | null
  userId: Id
  body: string
  createdMs: number
}

/** Answers the row, or nothing when the id is taken, by a repetition or by somebody else. */
export const insertComment = (comment: NewCommentRow): SQL => insertCommentRow(comment, sql`NULL`)

/** The same for a tombstone: what comes later under this id finds it taken. */
export const insertTombstone = (comment: Omit<NewCommentRow, 'parentId' | 'body'>): SQL =>
  insertCommentRow({ ...comment, parentId: null, body: '' }, sql`now()`)

function insertCommentRow(comment: NewCommentRow, deletedAt: SQL): SQL {
  const { postId, commentId, parentId, userId, body, createdMs } = comment
  return sql`INSERT INTO comments (post_id, comment_id, parent_id, user_id, body, created_at, deleted_at)
    VALUES (${postId}::bigint, ${commentId}::bigint, ${parentId}::bigint, ${userId}::bigint, ${body},
            to_timestamp(${createdMs}::double precision / 1000), ${deletedAt})
    ON CONFLICT (post_id, comment_id) DO NOTHING RETURNING ${COMMENT}`
}

export function commentById(postId: Id, commentId: Id): SQL {
  return sql`SELECT ${COMMENT} FROM comments WHERE post_id = ${postId}::bigint AND comment_id = ${commentId}::bigint`
}

/** Rows with `has_replies`, newest first. A deleted comment stands as long as a reply to it does. */
export function topComments(postId: Id, limit: number, before: Id | null): SQL {
  const below = before === null ? sql`` : sql`AND comment_id < ${before}::bigint`
  return sql`SELECT * FROM (SELECT ${COMMENT}, EXISTS (SELECT 1 FROM comments r
        WHERE r.post_id = c.post_id AND r.parent_id = c.comment_id AND r.deleted_at IS NULL) AS has_replies
      FROM comments c WHERE post_id = ${postId}::bigint AND parent_id IS NULL ${below}) t
    WHERE NOT deleted OR has_replies ORDER BY comment_id DESC LIMIT ${limit}::int`
}

/** Oldest first, as a conversation is read. */
export function replies(postId: Id, parentId: Id, limit: number, after: Id | null): SQL {
  const above = after === null ? sql`` : sql`AND comment_id > ${after}::bigint`
  return sql`SELECT ${COMMENT} FROM comments
    WHERE post_id = ${postId}::bigint AND parent_id = ${parentId}::bigint AND deleted_at IS NULL ${above}
    ORDER BY comment_id LIMIT ${limit}::int`
}

/** Answers the row, or nothing when it is deleted or was edited at `at` (Unix milliseconds) or later. */
export function editComment(edit: { postId: Id; commentId: Id; body: string; at: number }): SQL {
  const { postId, commentId, body, at } = edit
  const instant = sql`to_timestamp(${at}::double precision / 1000)`
  return sql`UPDATE comments SET body = ${body}, edited_at = ${instant}, version = version + 1
    WHERE post_id = ${postId}::bigint AND comment_id = ${commentId}::bigint AND deleted_at IS NULL
      AND (edited_at IS NULL OR edited_at < ${instant})
    RETURNING ${COMMENT}`
}

/** Leaves a tombstone without the text. Rows of `{ version }`: none when it was deleted before. */
export function removeComment(postId: Id, commentId: Id): SQL {
  return sql`UPDATE comments SET deleted_at = now(), body = '', version = version + 1
    WHERE post_id = ${postId}::bigint AND comment_id = ${commentId}::bigint AND deleted_at IS NULL
    RETURNING version`
}

/** Rows of `{ shared_at, added }`; the first share's instant stays. */
export function insertShare(share: { postId: Id; userId: Id; at: number }): SQL {
  const { postId, userId, at } = share
  return sql`INSERT INTO shares (post_id, user_id, shared_at)
    VALUES (${postId}::bigint, ${userId}::bigint, ${at}::bigint)
    ON CONFLICT (post_id, user_id) DO NOTHING RETURNING shared_at`
}

export function shareOf(postId: Id, userId: Id): SQL {
  return sql`SELECT shared_at FROM shares WHERE post_id = ${postId}::bigint AND user_id = ${userId}::bigint`
}

/** A post whose counts are not in its row, since its database did not take them. */
export interface UnstoredCounts {
  post_id: Id
  failure: unknown
}

/**
 * Writes rolled-up counts into the posts, for readers who find nothing in Redis. Answers rows of UnstoredCounts: one of
 * several databases that is away does not keep the others from theirs. It fails where nothing could be written at all.
 */
export function storeCounts(counts: readonly { postId: Id; likes: number; comments: number }[]): SQL {
  const of = new Map(counts.map((count) => [count.postId, count]))
  const statement = (ids: readonly Id[]) => sql`UPDATE posts p SET like_count = c.likes, comment_count = c.comments
    FROM jsonb_to_recordset(${JSON.stringify(ids.map((id) => of.get(id)))}::jsonb) AS c ("postId" bigint, likes int, comments int)
    WHERE p.post_id = c."postId" AND (p.like_count, p.comment_count) IS DISTINCT FROM (c.likes, c.comments)`
  const posts = [...of.keys()]
  return writesAcross(statement(posts), (shards) => storeApart([...shards.group(posts)], statement))
}

async function storeApart(
  groups: readonly [Database, Id[]][],
  statement: (ids: readonly Id[]) => SQL,
): Promise<UnstoredCounts[]> {
  const outcomes = await Promise.allSettled(groups.map(([database, ids]) => database.query(statement(ids))))
  const failures = outcomes.flatMap((outcome, i) =>
    outcome.status === 'rejected' ? [{ failure: outcome.reason as unknown, ids: groups[i]?.[1] ?? [] }] : [],
  )
  // What changed hands is tried again by the router; where nothing succeeded, there is nothing to tell apart.
  const parted = failures.find(({ failure }) => failure instanceof OwnersParted)
  if (parted !== undefined) throw parted.failure
  if (failures.length === groups.length && failures[0] !== undefined) throw failures[0].failure
  return failures.flatMap(({ failure, ids }) => ids.map((post_id) => ({ post_id, failure })))
}
