/** Ids that were promised with a 202 for a post that stood under another id already. */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import { reads, writes } from '../placement.ts'

export function insertPostAlias(alias: Id, postId: Id, userId: Id): SQL {
  return writes(
    userId,
    sql`INSERT INTO post_aliases (alias_id, post_id, user_id)
    VALUES (${alias}::bigint, ${postId}::bigint, ${userId}::bigint) ON CONFLICT (alias_id) DO NOTHING`,
  )
}

/** Where an id leads that is no post's own. One row `{ post_id }`, or none. */
export function postOfAlias(alias: Id): SQL {
  return reads(alias, sql`SELECT post_id::text FROM post_aliases WHERE alias_id = ${alias}::bigint`)
}

export interface AuthorRow {
  user_id: string
  deleted: boolean
}

/** Whose post this is, be it deleted. One `AuthorRow`, or none. */
export function authorOfPost(postId: Id): SQL {
  return reads(
    postId,
    sql`SELECT user_id::text, deleted_at IS NOT NULL AS deleted FROM posts WHERE post_id = ${postId}::bigint`,
  )
}
