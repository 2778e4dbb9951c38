/** Boards: collections of saved posts. */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import { filled, reads, readsAcross, scatter, writes, writesAcross } from '../placement.ts'
import { type KeyedRequest, rememberFrom } from './idempotency.ts'
import { type PostViewRow, postsAmong } from './posts.ts'
import { contentVisible, postVisible } from './visibility.ts'

export interface BoardRow {
  board_id: string
  user_id: string
  name: string
  is_private: boolean
  version: string | number
  created_ms: string | number
  posts: number
}

const board = sql.raw(`b.board_id::text, b.user_id::text, b.name, b.is_private, b.version,
  floor(extract(epoch FROM b.created_at) * 1000)::bigint AS created_ms,
  (SELECT count(*)::int FROM saves s WHERE s.board_id = b.board_id AND s.state = 'active') AS posts`)

export interface NewBoard {
  boardId: Id
  userId: Id
  name: string
  isPrivate: boolean
}

/** One row of `BoardRow`. @throws unique violation `boards_pkey` when the id is taken */
export function createBoard({ boardId, userId, name, isPrivate }: NewBoard): SQL {
  return writes(
    userId,
    sql`WITH b AS (
      INSERT INTO boards (board_id, user_id, name, is_private)
      VALUES (${boardId}::bigint, ${userId}::bigint, ${name}, ${isPrivate}::boolean) RETURNING *)
    SELECT ${board} FROM b`,
  )
}

/** Keeps a new board's answer under its key: second statement of the batch. */
export function rememberBoard(request: KeyedRequest, boardId: Id): SQL {
  const answer = sql.raw(`jsonb_build_object('board_id', b.board_id::text, 'user_id', b.user_id::text, 'name', b.name,
    'is_private', b.is_private, 'version', b.version, 'posts', 0,
    'created_ms', floor(extract(epoch FROM b.created_at) * 1000)::bigint)`)
  return rememberFrom(request, 201, answer, sql`boards b WHERE b.board_id = ${boardId}::bigint`)
}

/** A person's boards that a viewer may see, newest first. Rows of `BoardRow`. */
export function boardsOf(user: Id, viewer: Id, before: Id | null, limit: number): SQL {
  const bound = before === null ? sql`` : sql`AND b.board_id < ${before}::bigint`
  return reads(
    user,
    sql`SELECT ${board} FROM boards b JOIN users u ON u.user_id = b.user_id
    WHERE b.user_id = ${user}::bigint AND (NOT b.is_private OR b.user_id = ${viewer}::bigint)
      AND ${contentVisible(viewer)} ${bound}
    ORDER BY b.board_id DESC LIMIT ${limit}::int`,
  )
}

/** A board that a viewer may see. One row of `BoardRow`. */
export function boardById(boardId: Id, viewer: Id): SQL {
  return reads(
    boardId,
    sql`SELECT ${board} FROM boards b JOIN users u ON u.user_id = b.user_id
    WHERE b.board_id = ${boardId}::bigint AND (NOT b.is_private OR b.user_id = ${viewer}::bigint)
      AND ${contentVisible(viewer)}`,
  )
}

/** What a board holds that a viewer may see, newest post first. Rows of `PostViewRow`. */
export function boardPosts(boardId: Id, viewer: Id, before: Id | null, limit: number): SQL {
  const below = (id: Id | null) => (id === null ? sql`` : sql`AND s.post_id < ${id}::bigint`)
  const statement = sql`SELECT p.post_id::text, p.user_id::text, p.caption, p.media_urls, p.hashtags, p.like_count, p.comment_count,
      p.version, p.state, false AS deleted, u.username, u.display_name, u.profile_image_url, u.is_private
    FROM saves s JOIN posts p ON p.post_id = s.post_id JOIN users u ON u.user_id = p.user_id
    WHERE s.board_id = ${boardId}::bigint AND s.state = 'active' ${below(before)} AND ${postVisible(viewer)}
    ORDER BY s.post_id DESC LIMIT ${limit}::int`
  const saved = (from: Id | null, size: number) => sql`SELECT s.post_id::text FROM saves s
    WHERE s.board_id = ${boardId}::bigint AND s.state = 'active' ${below(from)}
    ORDER BY s.post_id DESC LIMIT ${size}::int`
  return readsAcross(statement, (shards) =>
    filled<Pick<PostViewRow, 'post_id'>>(before, limit, 'post_id', async (from, size) => {
      const page = await shards.of(boardId).query<{ post_id: string }>(saved(from, size))
      const ids = page.map((row) => row.post_id)
      const posts = await scatter<PostViewRow>(shards, ids, (own) => postsAmong(own, viewer))
      const byId = new Map(posts.map((post) => [post.post_id, post]))
      return { page, kept: ids.flatMap((id) => byId.get(id) ?? []) }
    }),
  )
}
export type BoardPostRow = PostViewRow

/** Puts a post that one may see on one's own board. A row `{ state }`; none when the board or the post is not there. */
export function savePost(boardId: Id, postId: Id, user: Id): SQL {
  const visible = sql`SELECT p.post_id FROM posts p JOIN users u ON u.user_id = p.user_id
       WHERE p.post_id = ${postId}::bigint AND ${postVisible(user)}`
  return writesAcross(saveOn(boardId, user, visible), async (shards) => {
    if ((await shards.of(postId).query(visible)).length === 0) return []
    return shards.of(boardId).query(saveOn(boardId, user, sql`SELECT ${postId}::bigint AS post_id`))
  })
}

/** @param post statement that answers the `post_id`, if it may be saved */
function saveOn(boardId: Id, user: Id, post: SQL): SQL {
  return sql`WITH target AS (
      SELECT b.board_id, p.post_id FROM boards b, (${post}) p
       WHERE b.board_id = ${boardId}::bigint AND b.user_id = ${user}::bigint
    ), saved AS (
      INSERT INTO saves (board_id, post_id, user_id)
      SELECT board_id, post_id, ${user}::bigint FROM target
      ON CONFLICT (board_id, post_id) DO UPDATE SET state = 'active', version = saves.version + 1
        WHERE saves.state <> 'active'
    ) SELECT 'active' AS state FROM target`
}

/** Takes a post off one's own board. A row `{ state }`; none when the board is not one's own. */
export function unsavePost(boardId: Id, postId: Id, user: Id): SQL {
  return writes(
    boardId,
    sql`WITH target AS (
      SELECT board_id FROM boards WHERE board_id = ${boardId}::bigint AND user_id = ${user}::bigint
    ), removed AS (
      UPDATE saves s SET state = 'removed', version = s.version + 1 FROM target t
       WHERE s.board_id = t.board_id AND s.post_id = ${postId}::bigint AND s.state = 'active'
    ) SELECT 'removed' AS state FROM target`,
  )
}
