/** Who may see whom, as conditions that every reading statement shares. The aliases name rows of users and posts. */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'

/** Someone who has not signed in: ids start above zero. */
export const NOBODY: Id = '0'

/** Neither of the two blocks the other. */
export function notBlocked(viewer: Id, person: SQL): SQL {
  return sql`NOT EXISTS (SELECT 1 FROM blocks b WHERE b.state = 'active' AND (
      (b.user_id = ${viewer}::bigint AND b.target_id = ${person}) OR
      (b.user_id = ${person} AND b.target_id = ${viewer}::bigint)))`
}

/** The viewer follows the person, and a private person has agreed. Read at the edge's own table, which is never late. */
export function followedBy(viewer: Id, person: SQL): SQL {
  return sql`EXISTS (SELECT 1 FROM follows f WHERE f.follower_id = ${viewer}::bigint AND f.followee_id = ${person}
      AND f.state = 'active')`
}

/** A person's profile can be seen: the account stands and nobody is blocked. `u` is a row of users. */
export function profileVisible(viewer: Id, u = sql.raw('u')): SQL {
  return sql`${u}.deleted_at IS NULL AND ${notBlocked(viewer, sql`${u}.user_id`)}`
}

/** What a person posts and whom they know can be seen: public, their own, or followed. */
export function contentVisible(viewer: Id, u = sql.raw('u')): SQL {
  return sql`${profileVisible(viewer, u)} AND (NOT ${u}.is_private OR ${u}.user_id = ${viewer}::bigint
      OR ${followedBy(viewer, sql`${u}.user_id`)})`
}

/** A post can be seen. `p` is a row of posts, `u` its author. */
export function postVisible(viewer: Id, p = sql.raw('p'), u = sql.raw('u')): SQL {
  return sql`${p}.deleted_at IS NULL AND (${p}.state = 'visible' OR ${p}.user_id = ${viewer}::bigint)
      AND ${contentVisible(viewer, u)}`
}
