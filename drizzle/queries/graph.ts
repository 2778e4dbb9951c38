/**
 * Follows, follow requests, blocks and mutes, as the edge writes and reads them. A change raises the row's version and
 * lays its event into the outbox in the same statement; a repetition changes nothing and answers the same event.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import { factEvent, outboxFrom } from './edge-events.ts'
import { followedBy, notBlocked, profileVisible } from './visibility.ts'

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

export interface FollowRow {
  state: FollowState
  version: string | number
  event: TidelineEvent<'follow.changed'>
}

/**
 * Follows, or asks a private account to. One row of `FollowRow`; none when there is no such person to follow (gone,
 * blocked, oneself), or when the very same follow was being made elsewhere at this instant: then ask again.
 */
export function follow(follower: Id, followee: Id, traceparent: string | null): SQL {
  return sql`
    WITH target AS (
      SELECT u.user_id, u.is_private FROM users u
       WHERE u.user_id = ${followee}::bigint AND u.user_id <> ${follower}::bigint AND ${profileVisible(follower)}
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
function endFollows(which: SQL, repeated: SQL, traceparent: string | null): SQL {
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

/** Unfollows, or takes a request back. No row when there never was a follow. */
export function unfollow(follower: Id, followee: Id, traceparent: string | null): SQL {
  const pair = sql`f.follower_id = ${follower}::bigint AND f.followee_id = ${followee}::bigint`
  return endFollows(pair, pair, traceparent)
}

/** Refuses somebody's request to follow. No row when there is none. */
export function declineRequest(followee: Id, follower: Id, traceparent: string | null): SQL {
  const pair = sql`f.follower_id = ${follower}::bigint AND f.followee_id = ${followee}::bigint AND f.state = 'requested'`
  return endFollows(pair, sql`false`, traceparent)
}

/** Grants somebody's request to follow. No row when there is none. */
export function acceptRequest(followee: Id, follower: Id, traceparent: string | null): SQL {
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

/** A block ends the follows of both directions. Rows of `FollowRow`, only for follows that stood. */
export function endFollowsBetween(a: Id, b: Id, traceparent: string | null): SQL {
  const either = sql`((f.follower_id = ${a}::bigint AND f.followee_id = ${b}::bigint)
      OR (f.follower_id = ${b}::bigint AND f.followee_id = ${a}::bigint))`
  return endFollows(either, sql`false`, traceparent)
}

export interface RelationRow {
  state: 'active' | 'removed'
  version: string | number
  event: TidelineEvent<'block.changed'>
  /** The other person does the same to this one. */
  returned: boolean
}

/** A block or a mute, set or lifted. One row of `RelationRow`; none when the person does not exist or nothing was set. */
export function relate(kind: 'block' | 'mute', user: Id, target: Id, active: boolean, traceparent: string | null): SQL {
  const table = sql.raw(kind === 'block' ? 'blocks' : 'mutes')
  const changed = active
    ? sql`INSERT INTO ${table} (user_id, target_id, state)
        SELECT ${user}::bigint, u.user_id, 'active' FROM users u
         WHERE u.user_id = ${target}::bigint AND u.user_id <> ${user}::bigint AND u.deleted_at IS NULL
        ON CONFLICT (user_id, target_id) DO UPDATE
          SET state = 'active', version = ${table}.version + 1, updated_at = now()
          WHERE ${table}.state = 'removed' RETURNING *`
    : sql`UPDATE ${table} SET state = 'removed', version = version + 1, updated_at = now()
        WHERE user_id = ${user}::bigint AND target_id = ${target}::bigint AND state = 'active' RETURNING *`
  const event = factEvent({
    type: 'block.changed',
    actor: sql`c.user_id::text`,
    key: sql`c.user_id::text`,
    fact: sql`${`${kind}:`}::text || c.user_id::text || ':' || c.target_id::text`,
    version: sql`c.version`,
    at: sql`c.updated_at`,
    data: sql`jsonb_build_object('userId', c.user_id::text, 'targetId', c.target_id::text, 'kind', ${kind}::text,
        'state', c.state, 'version', c.version)`,
    traceparent,
  })
  return sql`
    WITH changed AS (${changed}), current AS (
      SELECT * FROM changed
      UNION ALL
      SELECT r.* FROM ${table} r WHERE r.user_id = ${user}::bigint AND r.target_id = ${target}::bigint
         AND NOT EXISTS (SELECT 1 FROM changed)
    ), answer AS (
      SELECT c.state, c.version, ${event} AS event, EXISTS (SELECT 1 FROM ${table} o
        WHERE o.user_id = c.target_id AND o.target_id = c.user_id AND o.state = 'active') AS returned FROM current c
    ), published AS (${outboxFrom(sql`answer WHERE EXISTS (SELECT 1 FROM changed)`)})
    SELECT state, version, event, returned FROM answer`
}

export interface PersonRow {
  user_id: string
  username: string
  display_name: string
  profile_image_url: string | null
  is_private: boolean
}

const person = sql.raw('u.user_id::text, u.username, u.display_name, u.profile_image_url, u.is_private')

/** Who follows a person, newest account first below `before`. Rows of `PersonRow`. */
export function followersOf(user: Id, viewer: Id, before: Id | null, limit: number): SQL {
  return peopleThrough(
    sql`followers l ON l.follower_id = u.user_id AND l.followee_id = ${user}::bigint`,
    viewer,
    before,
    limit,
  )
}

/** Whom a person follows. Rows of `PersonRow`. */
export function followingOf(user: Id, viewer: Id, before: Id | null, limit: number): SQL {
  return peopleThrough(
    sql`follows l ON l.followee_id = u.user_id AND l.follower_id = ${user}::bigint`,
    viewer,
    before,
    limit,
  )
}

/** Whom the viewer follows among a person's followers: "followed by … whom you follow". Rows of `PersonRow`. */
export function mutualsOf(user: Id, viewer: Id, before: Id | null, limit: number): SQL {
  const link = sql`followers l ON l.follower_id = u.user_id AND l.followee_id = ${user}::bigint
      AND ${followedBy(viewer, sql`u.user_id`)}`
  return peopleThrough(link, viewer, before, limit)
}

function peopleThrough(link: SQL, viewer: Id, before: Id | null, limit: number): SQL {
  const bound = before === null ? sql`` : sql`AND u.user_id < ${before}::bigint`
  return sql`SELECT ${person} FROM users u JOIN ${link} AND l.state = 'active'
     WHERE ${profileVisible(viewer)} ${bound} ORDER BY u.user_id DESC LIMIT ${limit}::int`
}

/** Who asks to follow a private person. Rows of `PersonRow`. */
export function followRequestsOf(user: Id, before: Id | null, limit: number): SQL {
  const bound = before === null ? sql`` : sql`AND u.user_id < ${before}::bigint`
  return sql`SELECT ${person} FROM follow_requests r JOIN users u ON u.user_id = r.follower_id
     WHERE r.followee_id = ${user}::bigint AND u.deleted_at IS NULL AND ${notBlocked(user, sql`u.user_id`)} ${bound}
     ORDER BY u.user_id DESC LIMIT ${limit}::int`
}
