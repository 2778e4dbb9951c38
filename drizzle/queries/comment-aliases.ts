/** Ids that were promised with a 202 for a comment that is kept under another. */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import { inDirectory } from '../placement.ts'

export interface CommentAlias {
  postId: Id
  aliasId: Id
  /** Whom it was promised to: to others the id means what it says. */
  userId: Id
}

export function insertCommentAlias({ postId, aliasId, userId }: CommentAlias, commentId: Id): SQL {
  return inDirectory(sql`INSERT INTO comment_aliases (post_id, alias_id, user_id, comment_id)
    VALUES (${postId}::bigint, ${aliasId}::bigint, ${userId}::bigint, ${commentId}::bigint)
    ON CONFLICT (post_id, alias_id, user_id) DO NOTHING`)
}

/** One row `{ comment_id }`, or none. */
export function commentOfAlias({ postId, aliasId, userId }: CommentAlias): SQL {
  const statement = sql`SELECT comment_id::text FROM comment_aliases
    WHERE post_id = ${postId}::bigint AND alias_id = ${aliasId}::bigint AND user_id = ${userId}::bigint`
  return inDirectory(statement, true)
}
