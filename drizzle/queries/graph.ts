/**
 * Follows and follow requests, as the edge writes and reads them; blocks and mutes are beside this, in relations.ts. A change raises the row's version and
 * lays its event into the outbox in the same statement; a repetition changes nothing and answers the same event.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import type { Row } from '../database.ts'
import { writesAcross } from '../placement.ts'
import { factEvent, outboxFrom } from './edge-events.ts'
import { withCopy } from './relation-copies.ts'
import { profileVisible } from './visibility.ts'

const followEvent = (row: string, traceparent: string | null): SQL => {
  const r = sql.raw(row)
  return factEvent({
    type: 'follow.changed',
    actor: sql`${r}.follower_id::text`,
    key: sql`${r}.follower_id::text`,
    fact: sql`${r}.follower_id::text || ':' || ${r}.followee_id::text`,
    version: sql`${r}.version`,
    at: sql`${r}.updated_at`,
    data: sql`jsonb_build_object('followerId', ${r}.follower_id::text, 'followeeId', ${r}.followee_id::text,
        'state', ${r}.state, 'version', ${r}.version)`,
    traceparent,
  })
}

export type FollowState = 'active' | 'requested' | 'removed'

export interface FollowRow extends Row {
  state: FollowState
  version: string | number
  event: TidelineEvent<'follow.changed'>
}

/**
 * Follows, or asks a private account to. One row of `FollowRow`; none when there is no such person to follow (gone,
 * blocked, oneself), or when the very same follow was being made elsewhere at this instant: then ask again.
 */
export function follow(follower: Id, followee: Id, traceparent: string | null): SQL {
  const target = sql`SELECT u.user_id, u.is_private FROM users u
       WHERE u.user_id = ${followee}::bigint AND u.user_id <> ${follower}::bigint AND ${profileVisible(follower)}`
  return writesAcross(followOf(target, follower, traceparent), async (shards) => {
    if (shards.of(follower) === shards.of(followee)) {
      return shards.of(follower).query<FollowRow>(followOf(target, follower, traceparent))
    }
    const [person] = await shards.of(followee).query<{ is_private: boolean }>(target)
    if (person === undefined) return []
    const known = sql`SELECT ${followee}::bigint AS user_id, ${person.is_private}::boolean AS is_private`
    return withCopy<FollowRow>(shards, follower, followee, followOf(known, follower, traceparent))
  })
}

/** @param target statement that answers `{ user_id, is_private }` of whom may be followed */
function followOf(target: SQL, follower: Id, traceparent: string | null): SQL {
  return sql`
    WITH target AS (
      ${target}
    ), changed AS (
      INSERT INTO follows (follower_id, followee_id, state)
      SELECT ${follower}::bigint, t.user_id, CASE WHEN t.is_private THEN 'requested' ELSE 'active' END FROM target t
      ON CONFLICT (follower_id, followee_id) DO UPDATE
        SET state = EXCLUDED.state, version = follows.version + 1, created_at = now(), updated_at = now()
        WHERE follows.state = 'removed' OR (follows.state = 'requested' AND EXCLUDED.state = 'active')
      RETURNING *
    ), requested AS (
      INSERT INTO follow_requests (followee_id, follower_id, version)
      SELECT followee_id, follower_id, version FROM changed WHERE state = 'requested'
      ON CONFLICT (followee_id, follower_id) DO UPDATE SET version = EXCLUDED.version
    ), granted AS (
      DELETE FROM follow_requests r USING changed c
       WHERE c.state = 'active' AND r.followee_id = c.followee_id AND r.follower_id = c.follower_id
    ), current AS (
      SELECT * FROM changed
      UNION ALL
      SELECT f.* FROM follows f JOIN target t ON t.user_id = f.followee_id
       WHERE f.follower_id = ${follower}::bigint AND NOT EXISTS (SELECT 1 FROM changed)
    ), answer AS (SELECT c.state, c.version, ${followEvent('c', traceparent)} AS event FROM current c),
    published AS (${outboxFrom(sql`answer WHERE EXISTS (SELECT 1 FROM changed)`)})
    SELECT state, version, event FROM answer`
}

/** Statement that ends follows chosen by a condition over `f`, with their requests. Rows of `FollowRow`. */
export function endFollows(which: SQL, repeated: SQL, traceparent: string | null): SQL {
  return sql`
    WITH ended AS (
      UPDATE follows f SET state = 'removed', version = f.version + 1, updated_at = now()
       WHERE ${which} AND f.state <> 'removed' RETURNING f.*
    ), withdrawn AS (
      DELETE FROM follow_requests r USING ended e
       WHERE r.followee_id = e.followee_id AND r.follower_id = e.follower_id
    ), current AS (
      SELECT * FROM ended
      UNION ALL
      SELECT f.* FROM follows f WHERE ${repeated} AND f.state = 'removed' AND NOT EXISTS (SELECT 1 FROM ended)
    ), answer AS (SELECT c.state, c.version, ${followEvent('c', traceparent)} AS event FROM current c),
    published AS (${outboxFrom(sql`answer WHERE EXISTS (SELECT 1 FROM ended)`)})
    SELECT state, version, event FROM answer`
}

export const isPair = (follower: Id, followee: Id) =>
  sql`f.follower_id = ${follower}::bigint AND f.followee_id = ${followee}::bigint`

/** A statement on one follow, where the follower's rows lie; then its copy where the followee's do. */
const copied = (follower: Id, followee: Id, statement: SQL): SQL =>
  writesAcross(statement, (shards) => withCopy<FollowRow>(shards, follower, followee, statement))

/** Unfollows, or takes a request back. No row when there never was a follow. */
export function unfollow(follower: Id, followee: Id, traceparent: string | null): SQL {
  const pair = isPair(follower, followee)
  return copied(follower, followee, endFollows(pair, pair, traceparent))
}

/** Refuses somebody's request to follow. No row when there is none. */
export function declineRequest(followee: Id, follower: Id, traceparent: string | null): SQL {
  const asked = sql`${isPair(follower, followee)} AND f.state = 'requested'`
  return copied(follower, followee, endFollows(asked, sql`false`, traceparent))
}

/** Grants somebody's request to follow. No row when there is none. */
export function acceptRequest(followee: Id, follower: Id, traceparent: string | null): SQL {
  return copied(follower, followee, granted(followee, follower, traceparent))
}

function granted(followee: Id, follower: Id, traceparent: string | null): SQL {
  return sql`
    WITH granted AS (
      UPDATE follows f SET state = 'active', version = f.version + 1, created_at = now(), updated_at = now()
       WHERE f.follower_id = ${follower}::bigint AND f.followee_id = ${followee}::bigint AND f.state = 'requested'
      RETURNING f.*
    ), settled AS (
      DELETE FROM follow_requests WHERE followee_id = ${followee}::bigint AND follower_id = ${follower}::bigint
    ), current AS (
      SELECT * FROM granted
      UNION ALL
      SELECT f.* FROM follows f WHERE f.follower_id = ${follower}::bigint AND f.followee_id = ${followee}::bigint
         AND f.state = 'active' AND NOT EXISTS (SELECT 1 FROM granted)
    ), answer AS (SELECT c.state, c.version, ${followEvent('c', traceparent)} AS event FROM current c),
    published AS (${outboxFrom(sql`answer WHERE EXISTS (SELECT 1 FROM granted)`)})
    SELECT state, version, event FROM answer`
}

export interface PersonRow {
  user_id: string
  username: string
  display_name: string
  profile_image_url: string | null
  is_private: boolean
}
