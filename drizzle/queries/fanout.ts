/** What the graph and fan-out tiers read and write in Postgres: the inverse table, author modes, purges. */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import type { AuthorMode } from '#core/timeline/index.ts'
import { batchAcross, type Owned, reads, readsAcross, scattered, taken, writes } from '../placement.ts'
import { authorModes, followers, follows, outbox, posts, timelinePurges, users } from '../schema.ts'
import { idList } from './feed.ts'
import { copyFollow } from './relation-copies.ts'

/**
 * One keyset page of active followers: after < id ≤ through, none when the post that they are read for does not stand any
 * more. One row of `{ ids }`, ascending and as text, for `idsOf`: a thousand rows would cost several times as much.
 */
export function followersPage(
  author: Id,
  after: Id,
  limit: number,
  { through, post }: { through?: Id; post?: Id } = {},
): SQL {
  const bound = through === undefined ? sql`` : sql`AND ${followers.followerId} <= ${through}::bigint`
  const stands =
    post === undefined
      ? sql``
      : sql`AND EXISTS (SELECT 1 FROM ${posts} WHERE post_id = ${post}::bigint AND deleted_at IS NULL)`
  return reads(
    author,
    sql`
    SELECT ARRAY(
      SELECT follower_id FROM ${followers}
       WHERE ${followers.followeeId} = ${author}::bigint AND ${followers.state} = 'active'
         AND ${followers.followerId} > ${after}::bigint ${bound} ${stands}
       ORDER BY follower_id LIMIT ${limit}::int)::text AS ids`,
  )
}

/** The ids of an array as Postgres writes it: `{1,2,3}`. */
export const idsOf = (row: { ids: string } | undefined): Id[] =>
  row === undefined || row.ids === '{}' ? [] : row.ids.slice(1, -1).split(',')

/**
 * Of the followers above `after` the last of each page of `size`, for up to `pages` pages: where to cut a fan-out. Fewer rows
 * than `pages` mean that the last of them is the last of all. Rows of `{ follower_id }`, ascending. Page by page along the
 * index: a window over all of them would number and keep each.
 */
export function followerPageEnds(author: Id, after: Id, size: number, pages: number): SQL {
  const lastAbove = (from: SQL) => sql`(SELECT max(follower_id) FROM (
      SELECT follower_id FROM ${followers}
       WHERE ${followers.followeeId} = ${author}::bigint AND ${followers.state} = 'active'
         AND ${followers.followerId} > ${from}
       ORDER BY follower_id LIMIT ${size}::int) page)`
  return reads(
    author,
    sql`
    WITH RECURSIVE cut (last, n) AS (
      SELECT ${lastAbove(sql`${after}::bigint`)}, 1
      UNION ALL
      SELECT ${lastAbove(sql`cut.last`)}, n + 1 FROM cut WHERE last IS NOT NULL AND n < ${pages}::int
    )
    SELECT last AS follower_id FROM cut WHERE last IS NOT NULL ORDER BY n`,
  )
}

/**
 * Brings the inverse row to a follow's state if the version is newer, and both people's counts with it. The last
 * statement answers one row of `AppliedFollow`: what the inverse row says now and how many follow.
 *
 * The row is made first, as a tombstone older than any version: two changes of a new pair then wait for each other on the
 * row's lock, and the later one counts from what the earlier one left.
 */
export function applyFollow(follow: { followerId: Id; followeeId: Id; state: string; version: number }): SQL[] {
  const { followerId, followeeId, state, version } = follow
  const pair = sql`followee_id = ${followeeId}::bigint AND follower_id = ${followerId}::bigint`
  const statements = [
    sql`
    INSERT INTO ${followers} (followee_id, follower_id, state, version)
    VALUES (${followeeId}::bigint, ${followerId}::bigint, 'removed', -1)
    ON CONFLICT (followee_id, follower_id) DO NOTHING`,
    sql`
    WITH applied AS (
      UPDATE ${followers} SET state = ${state}, version = ${version}::bigint, updated_at = now()
        FROM (SELECT followee_id, follower_id, state FROM ${followers} WHERE ${pair} FOR UPDATE) former
       WHERE followers.followee_id = former.followee_id AND followers.follower_id = former.follower_id
         AND followers.version < ${version}::bigint
      RETURNING (followers.state = 'active')::int - (former.state = 'active')::int AS by
    )
    UPDATE ${users}
       SET follower_count = follower_count + CASE WHEN user_id = ${followeeId}::bigint THEN applied.by ELSE 0 END,
           following_count = following_count + CASE WHEN user_id = ${followerId}::bigint THEN applied.by ELSE 0 END
      FROM applied
     WHERE applied.by <> 0 AND user_id IN (${followeeId}::bigint, ${followerId}::bigint)`,
    sql`
    SELECT f.state, f.version, u.follower_count
      FROM ${followers} f
      JOIN ${users} u ON u.user_id = f.followee_id
     WHERE f.followee_id = ${followeeId}::bigint AND f.follower_id = ${followerId}::bigint`,
  ]
  return batchAcross(statements, async (shards) => {
    const [here, there] = [shards.of(followerId), shards.of(followeeId)]
    if (here === there) return (await here.batch([...statements, ...recountFollowing(followerId)])).slice(0, 3)
    const results = await there.batch([...copyFollow(follow), ...statements])
    await here.batch(recountFollowing(followerId))
    return results
  })
}

/**
 * Where a follower's rows are in another database than the inverse row, the count cannot move in that transaction: it is
 * counted, which a repetition does not falsify. With several databases always: a count sees follows whose events are still
 * to come, and to add those up would count them twice. The lock comes first, so that each count sees what the one before it saw.
 */
function recountFollowing(user: Id): SQL[] {
  return [
    sql`SELECT 1 AS locked FROM ${users} WHERE user_id = ${user}::bigint FOR UPDATE`,
    sql`UPDATE ${users} SET following_count =
          (SELECT count(*) FROM ${follows} WHERE follower_id = ${user}::bigint AND state = 'active')
        WHERE user_id = ${user}::bigint`,
  ]
}

export interface AppliedFollow {
  state: 'active' | 'requested' | 'removed'
  version: string | number
  follower_count: number
}

/** What fan-out must know of a post when it consumes it. One row of `FanoutTarget`, none when the post is unknown. */
export function fanoutTarget(post: Id): SQL {
  return reads(
    post,
    sql`
    SELECT p.post_id, p.user_id, p.caption, p.media_urls, p.hashtags, p.like_count, p.comment_count, p.version, p.state,
           p.deleted_at IS NOT NULL AS deleted, u.follower_count, coalesce(m.applied_mode, 'push') AS applied_mode,
           m.author_id IS NOT NULL AS has_crossed,
           CASE WHEN m.mode = 'pull' AND m.applied_mode = 'pull' AND m.applied_version = m.version
                THEN floor(extract(epoch FROM m.updated_at) * 1000)::bigint END AS pulled_since
      FROM ${posts} p
      JOIN ${users} u ON u.user_id = p.user_id
      LEFT JOIN ${authorModes} m ON m.author_id = p.user_id
     WHERE p.post_id = ${post}::bigint`,
  )
}

/** Which of these readers follow more accounts than `limit`. Rows of `{ user_id }`. */
export function hotReaders(readers: readonly Id[], limit: number): SQL {
  return scattered(
    readers,
    (own) => sql`SELECT user_id FROM ${users} WHERE user_id = ANY(${idList(own)}) AND following_count > ${limit}::int`,
  )
}

export interface ModeRow {
  mode: AuthorMode
  applied_mode: AuthorMode
  version: number
  applied_version: number
}

export function authorMode(author: Id): SQL {
  return reads(
    author,
    sql`SELECT mode, applied_mode, version, applied_version FROM ${authorModes} WHERE author_id = ${author}::bigint`,
  )
}

/**
 * Moves an author's mode from one to the next by compare-and-set, and lays the event into the outbox with the new
 * version. Answers one row `{ body }`, or none when somebody else was first.
 */
export function changeMode(author: Id, from: AuthorMode, to: AuthorMode, event: { id: string; body: object }): SQL {
  return writes(
    author,
    sql`
    WITH changed AS (
      INSERT INTO ${authorModes} (author_id, mode, version)
      SELECT ${author}::bigint, ${to}::text, 1 WHERE ${from}::text = 'push'
         OR EXISTS (SELECT 1 FROM ${authorModes} WHERE author_id = ${author}::bigint)
      ON CONFLICT (author_id) DO UPDATE
        SET mode = EXCLUDED.mode, version = author_modes.version + 1, updated_at = now()
        WHERE author_modes.mode = ${from}::text
      RETURNING version
    )
    INSERT INTO ${outbox} (event_id, type, body)
    SELECT ${event.id}, 'celebrity.changed',
           jsonb_set(${JSON.stringify(event.body)}::jsonb, '{data,version}', to_jsonb(version))
      FROM changed
    RETURNING body`,
  )
}

/** Notes that fan-out has consumed a change of mode, and when. Newer wins. */
export function applyMode(author: Id, mode: AuthorMode, version: number): SQL {
  return writes(
    author,
    sql`
    UPDATE ${authorModes} SET applied_mode = ${mode}, applied_version = ${version}::int, updated_at = now()
     WHERE author_id = ${author}::bigint AND applied_version < ${version}::int`,
  )
}

/** A second purge, minutes after an unfollow. A new unfollow of the same pair moves it on. */
export function schedulePurge(followerId: Id, followeeId: Id, afterMs: number): SQL {
  return writes(
    followerId,
    sql`
    INSERT INTO ${timelinePurges} (follower_id, followee_id, due_at)
    VALUES (${followerId}::bigint, ${followeeId}::bigint, now() + ${afterMs}::int * interval '1 millisecond')
    ON CONFLICT (follower_id, followee_id) DO UPDATE SET due_at = EXCLUDED.due_at`,
  )
}

/**
 * Takes the purges that are due, so many of each database, each one worker's until its lease is over: a worker that dies
 * leaves them to the next. Rows of `DuePurge`.
 */
export function takeDuePurges(limit: number, leaseMs: number): SQL {
  const statement = (owned: Owned) => sql`
    UPDATE ${timelinePurges} SET due_at = now() + ${leaseMs}::int * interval '1 millisecond'
     WHERE (follower_id, followee_id) IN (
      SELECT follower_id, followee_id FROM ${timelinePurges}
       WHERE due_at <= now() AND ${owned('follower_id')} ORDER BY due_at LIMIT ${limit}::int FOR UPDATE SKIP LOCKED)
    RETURNING follower_id, followee_id, due_at::text AS lease`
  return taken(statement)
}

export interface DuePurge {
  follower_id: string
  followee_id: string
  /** When the lease ends: names this taking, so that a later unfollow's purge is not taken for it. */
  lease: string
}

/** Removes a purge that is done, unless it was taken again or moved on by another unfollow. */
export function finishPurge(followerId: Id, followeeId: Id, lease: string): SQL {
  return writes(
    followerId,
    sql`
    DELETE FROM ${timelinePurges} WHERE follower_id = ${followerId}::bigint AND followee_id = ${followeeId}::bigint
       AND due_at = ${lease}::timestamptz`,
  )
}

/** Which of these posts are an author's, deleted ones too. Rows of `{ post_id }`. */
export function postsBy(author: Id, among: readonly Id[]): SQL {
  return reads(
    author,
    sql`SELECT post_id FROM ${posts} WHERE post_id = ANY(${idList(among)}) AND user_id = ${author}::bigint`,
  )
}

/** What stands between a reader and an author just now. One row of `Standing`. */
export function standing(reader: Id, author: Id): SQL {
  const following = sql`EXISTS (SELECT 1 FROM ${follows} WHERE follower_id = ${reader}::bigint
              AND followee_id = ${author}::bigint AND state = 'active') AS following`
  const statement = sql`
    SELECT ${following},
           NOT EXISTS (SELECT 1 FROM ${followers} WHERE follower_id = ${reader}::bigint
              AND followee_id = ${author}::bigint AND state = 'active') AS ended,
           coalesce((SELECT mode FROM ${authorModes} WHERE author_id = ${author}::bigint), 'push') AS mode`
  // The follow is asked where it is the truth, and before the mode: whoever follows later looks at the mode later.
  return readsAcross(statement, async (shards) => {
    const [truth] = await shards.of(reader).query<Standing>(sql`SELECT ${following}`)
    const rows = await shards.of(author).query<Standing>(statement)
    return rows.map((row) => ({ ...row, following: truth?.following ?? false }))
  })
}

export interface Standing {
  following: boolean
  ended: boolean
  mode: AuthorMode
}
