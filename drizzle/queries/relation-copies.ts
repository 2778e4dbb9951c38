/**
 * A follow, a block and a mute lie in the databases of both people, so that each answers by itself who may see what. The
 * row of the one who follows, blocks or mutes is the truth: it is written first, with its event. The copy follows before
 * the caller is answered, newer version wins; when a crash comes in between, the consumer of the event brings it.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import type { Row } from '../database.ts'
import type { Shards } from '../placement.ts'

export interface FollowCopy {
  followerId: Id
  followeeId: Id
  state: string
  version: string | number
}

/** The follow as the followee's database keeps it, and the request that is answered with it. One transaction. */
export function copyFollow({ followerId, followeeId, state, version }: FollowCopy): SQL[] {
  const copied = sql`
    INSERT INTO follows (follower_id, followee_id, state, version)
    VALUES (${followerId}::bigint, ${followeeId}::bigint, ${state}, ${version}::bigint)
    ON CONFLICT (follower_id, followee_id) DO UPDATE
      SET state = EXCLUDED.state, version = EXCLUDED.version, updated_at = now(),
          created_at = CASE WHEN EXCLUDED.state = 'removed' THEN follows.created_at ELSE now() END
      WHERE follows.version < EXCLUDED.version`
  const pair = sql`follower_id = ${followerId}::bigint AND followee_id = ${followeeId}::bigint`
  // What the copy says by now, this change or a newer one, decides whether somebody is asked.
  const asked = sql`
    INSERT INTO follow_requests (followee_id, follower_id, version)
    SELECT followee_id, follower_id, version FROM follows WHERE ${pair} AND state = 'requested'
    ON CONFLICT (followee_id, follower_id) DO UPDATE SET version = EXCLUDED.version`
  const settled = sql`
    DELETE FROM follow_requests WHERE ${pair}
       AND NOT EXISTS (SELECT 1 FROM follows WHERE ${pair} AND state = 'requested')`
  return [copied, asked, settled]
}

export interface RelationCopy {
  userId: Id
  targetId: Id
  state: string
  version: string | number
}

export function copyRelation(kind: 'block' | 'mute', { userId, targetId, state, version }: RelationCopy): SQL {
  const table = sql.raw(kind === 'block' ? 'blocks' : 'mutes')
  return sql`
    INSERT INTO ${table} (user_id, target_id, state, version)
    VALUES (${userId}::bigint, ${targetId}::bigint, ${state}, ${version}::bigint)
    ON CONFLICT (user_id, target_id) DO UPDATE
      SET state = EXCLUDED.state, version = EXCLUDED.version, updated_at = now()
      WHERE ${table}.version < EXCLUDED.version`
}

/** Copies what a statement on a follow answered into the followee's database, and answers it. */
export async function withCopy<T extends Row>(
  shards: Shards,
  follower: Id,
  followee: Id,
  statement: SQL,
): Promise<T[]> {
  const here = shards.of(follower)
  const there = shards.of(followee)
  const rows = await here.query<T>(statement)
  for (const { state, version } of here === there ? [] : rows) {
    const change = { followerId: follower, followeeId: followee, state: String(state), version: String(version) }
    await there.batch(copyFollow(change))
  }
  return rows
}
