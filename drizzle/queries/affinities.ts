/** How much a reader engages with an author: whom a reader of very many is pulled from. */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import { writes } from '../placement.ts'
import { affinities } from '../schema.ts'

/**
 * Counts one engagement, if it is newer than the last that was counted: repetitions change nothing. Of two that arrive in
 * the wrong order one may go uncounted, which a weight can bear.
 */
export function countEngagement(user: Id, author: Id, version: number): SQL {
  return writes(
    user,
    sql`
    INSERT INTO ${affinities} (user_id, author_id, weight, version)
    VALUES (${user}::bigint, ${author}::bigint, 1, ${version}::bigint)
    ON CONFLICT (user_id, author_id) DO UPDATE
      SET weight = affinities.weight + 1, version = EXCLUDED.version, seen_at = now()
      WHERE affinities.version < EXCLUDED.version`,
  )
}
