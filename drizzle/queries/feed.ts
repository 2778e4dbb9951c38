/** What a feed reads from Postgres when Redis does not know: followed posts, authors' lists, hidden authors, hydration. */
import { type SQL, sql } from 'drizzle-orm'
import { type Id, idMs } from '#core/ids.ts'
import type { FollowedPosts, HiddenReason, PostMedia, PostRecord, UserRecord } from '#core/timeline/index.ts'
import { everywhere, orderedBy, reads, readsAcross, type Shards, scatter, scattered } from '../placement.ts'
import { authorModes, blocks, followers, follows, mutes, posts, timelinePurges, users } from '../schema.ts'

/** A list of ids as one text parameter, which every driver carries alike. */
export const idList = (ids: readonly Id[]): SQL => sql`${`{${ids.join(',')}}`}::bigint[]`

/** At most this many followees are read for one feed: the most engaged, then the most recently followed (rule 3 of §5). */
const FOLLOWEES_PER_READ = 2_000

/**
 * The newest posts of everyone a reader follows, and the reader's own, below an id (exclusive). Run it on the primary.
 * Rows of `PostPlace`.
 */
export function followedPosts(user: Id, limit: number, below: Id | null = null): SQL {
  const bound = below === null ? sql`` : sql`AND ${posts.postId} < ${below}::bigint`
  const statement = sql`
    WITH followees AS (${followeesToRead(user)})
    SELECT newest.post_id, newest.user_id
      FROM followees
     CROSS JOIN LATERAL (
       SELECT post_id, user_id FROM ${posts}
        WHERE ${posts.userId} = followees.author_id AND ${posts.deletedAt} IS NULL AND ${posts.state} = 'visible' ${bound}
        ORDER BY post_id DESC LIMIT ${limit}::int
     ) newest
     ORDER BY newest.post_id DESC LIMIT ${limit}::int`
  return readsAcross(statement, async (shards) => {
    const followees = await shards.of(user).query<{ author_id: string }>(followeesToRead(user))
    const authors = followees.map((row) => String(row.author_id))
    return newest(limit)(await scatter<PostPlace>(shards, authors, (own) => newestOf(own, limit, below)))
  })
}

/** Whom a feed is read from: rows of `{ author_id }`, the reader among them. */
function followeesToRead(user: Id): SQL {
  return sql`(SELECT ${follows.followeeId} AS author_id
         FROM ${follows}
         LEFT JOIN affinities a ON a.user_id = ${follows.followerId} AND a.author_id = ${follows.followeeId}
        WHERE ${follows.followerId} = ${user}::bigint AND ${follows.state} = 'active'
        ORDER BY a.weight DESC NULLS LAST, ${follows.createdAt} DESC, ${follows.followeeId}
        LIMIT ${FOLLOWEES_PER_READ}::int)
      UNION ALL SELECT ${user}::bigint`
}

const newest = (limit: number) => orderedBy<PostPlace>('post_id', 'desc', limit)

/** One author's newest visible posts with id ≥ `from` and < `below`. Rows of `PostPlace`. */
export function authorPosts(author: Id, limit: number, from: Id = '0', below: Id | null = null): SQL {
  const bound = below === null ? sql`` : sql`AND ${posts.postId} < ${below}::bigint`
  return reads(
    author,
    sql`
    SELECT post_id, user_id FROM ${posts}
     WHERE ${posts.userId} = ${author}::bigint AND ${posts.deletedAt} IS NULL AND ${posts.state} = 'visible'
       AND ${posts.postId} >= ${from}::bigint ${bound}
     ORDER BY post_id DESC LIMIT ${limit}::int`,
  )
}

/** The newest visible posts of several authors, below an id (exclusive). Rows of `PostPlace`. */
export function postsOfAuthors(authors: readonly Id[], limit: number, below: Id | null = null): SQL {
  return scattered<PostPlace>(authors, (own) => newestOf(own, limit, below), { merge: newest(limit) })
}

function newestOf(authors: readonly Id[], limit: number, below: Id | null): SQL {
  const bound = below === null ? sql`` : sql`AND ${posts.postId} < ${below}::bigint`
  return sql`
    SELECT newest.post_id, newest.user_id
      FROM unnest(${idList(authors)}) AS author (author_id)
     CROSS JOIN LATERAL (
       SELECT post_id, user_id FROM ${posts}
        WHERE ${posts.userId} = author.author_id AND ${posts.deletedAt} IS NULL AND ${posts.state} = 'visible' ${bound}
        ORDER BY post_id DESC LIMIT ${limit}::int
     ) newest
     ORDER BY newest.post_id DESC LIMIT ${limit}::int`
}

export interface PostPlace {
  post_id: string
  user_id: string
}

/** Reads rows of `PostPlace`, asked for `limit`. */
export function followedPostsOf(rows: readonly PostPlace[], limit: number): FollowedPosts {
  const entries = rows.map((row) => ({ id: String(row.post_id), ms: idMs(String(row.post_id)) }))
  return { entries, complete: rows.length < limit }
}

/**
 * Authors not to show, with the reason. Unfollowed ones count while pushes of theirs may still be on their way: for a
 * while, and for as long as the second purge is to come or the unfollow has not reached the inverse table.
 */
export function hiddenAuthors(user: Id): SQL {
  const notApplied = sql`OR EXISTS (SELECT 1 FROM ${followers} i WHERE i.followee_id = follows.followee_id
                     AND i.follower_id = ${user}::bigint AND i.state = 'active')`
  return readsAcross(hiddenWhere(user, notApplied), (shards) => hiddenAcross(shards, user))
}

function hiddenWhere(user: Id, notApplied: SQL): SQL {
  return sql`
    SELECT 'b' AS reason, ${blocks.targetId} AS author FROM ${blocks}
     WHERE ${blocks.userId} = ${user}::bigint AND ${blocks.state} = 'active'
    UNION SELECT 'b', ${blocks.userId} FROM ${blocks}
     WHERE ${blocks.targetId} = ${user}::bigint AND ${blocks.state} = 'active'
    UNION SELECT 'm', ${mutes.targetId} FROM ${mutes}
     WHERE ${mutes.userId} = ${user}::bigint AND ${mutes.state} = 'active'
    UNION SELECT 'u', ${follows.followeeId} FROM ${follows}
     WHERE ${follows.followerId} = ${user}::bigint AND ${follows.state} <> 'active'
       AND (${follows.updatedAt} > now() - interval '15 minutes'
         OR EXISTS (SELECT 1 FROM ${timelinePurges} p
                     WHERE p.follower_id = ${user}::bigint AND p.followee_id = follows.followee_id)
         ${notApplied})`
}

/** Of the follows that ended longer ago, so many of the latest are looked up in the inverse table, which lies with the followee. */
const ENDED_FOLLOWS_CHECKED = 2_000

async function hiddenAcross(shards: Shards, user: Id): Promise<HiddenRow[]> {
  const [hidden = [], ended = []] = await shards.of(user).batch([
    hiddenWhere(user, sql``),
    sql`SELECT followee_id FROM ${follows}
         WHERE ${follows.followerId} = ${user}::bigint AND ${follows.state} <> 'active'
         ORDER BY ${follows.updatedAt} DESC LIMIT ${ENDED_FOLLOWS_CHECKED}::int`,
  ])
  const standing = await scatter<{ author: string }>(
    shards,
    ended.map((row) => String(row.followee_id)),
    (authors) => sql`SELECT followee_id AS author FROM ${followers}
      WHERE followee_id = ANY(${idList(authors)}) AND follower_id = ${user}::bigint AND state = 'active'`,
  )
  const rows = [
    ...(hidden as unknown as HiddenRow[]),
    ...standing.map(({ author }) => ({ reason: 'u' as const, author })),
  ]
  return [...new Map(rows.map((row) => [`${row.reason}:${row.author}`, row])).values()]
}

export interface HiddenRow {
  reason: HiddenReason
  author: string
}

/**
 * The authors a reader follows whose posts are pulled. One who has come down stays for an hour: a post that was seen by
 * pulling may still be on its way into timelines. Rows of `{ author }`.
 */
export function followedCelebrities(user: Id): SQL {
  // A follow stands in the followee's database too, beside the mode: each database answers for its own authors.
  return everywhere(
    (owned) => sql`
    SELECT ${authorModes.authorId} AS author
      FROM ${authorModes}
      JOIN ${follows} ON ${follows.followeeId} = ${authorModes.authorId}
     WHERE ${follows.followerId} = ${user}::bigint AND ${follows.state} = 'active' AND ${owned('author_modes.author_id')}
       AND (${authorModes.mode} <> 'push' OR ${authorModes.updatedAt} > now() - interval '1 hour')`,
  )
}

/** Which of these authors a reader follows. Rows of `{ followee_id }`. */
export function followedAmong(user: Id, authors: readonly Id[]): SQL {
  return reads(
    user,
    sql`
    SELECT followee_id FROM ${follows}
     WHERE ${follows.followerId} = ${user}::bigint AND ${follows.followeeId} = ANY(${idList(authors)})
       AND ${follows.state} = 'active'`,
  )
}

/** Posts for hydration. Rows of `PostRow`. */
export function postsByIds(ids: readonly Id[]): SQL {
  return scattered(
    ids,
    (own) => sql`
    SELECT post_id, user_id, caption, media_urls, hashtags, like_count, comment_count, version, state,
           deleted_at IS NOT NULL AS deleted
      FROM ${posts} WHERE ${posts.postId} = ANY(${idList(own)})`,
  )
}

export interface PostRow {
  post_id: string
  user_id: string
  caption: string
  media_urls: PostMedia[]
  hashtags: string[]
  like_count: number
  comment_count: number
  version: string | number
  state: string
  deleted: boolean
}

export function postRecord(row: PostRow): PostRecord {
  return {
    id: String(row.post_id),
    userId: String(row.user_id),
    caption: row.caption,
    media: row.media_urls,
    hashtags: row.hashtags,
    version: Number(row.version),
    awaitsMedia: row.state !== 'visible',
  }
}

/** Authors for hydration. Rows of `VersionedUserRow`. */
export function usersByIds(ids: readonly Id[]): SQL {
  return scattered(
    ids,
    (own) => sql`
    SELECT user_id, username, display_name, profile_image_url, is_private, version
      FROM ${users} WHERE ${users.userId} = ANY(${idList(own)}) AND ${users.deletedAt} IS NULL`,
  )
}

export interface UserRow {
  user_id: string
  username: string
  display_name: string
  profile_image_url: string | null
  is_private: boolean
}

export interface VersionedUserRow extends UserRow {
  version: string | number
}

export function userRecord(row: UserRow): UserRecord {
  return {
    id: String(row.user_id),
    username: row.username,
    displayName: row.display_name,
    avatar: row.profile_image_url,
    isPrivate: row.is_private,
  }
}
