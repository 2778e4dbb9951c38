/**
 * Lists of people. In one database each is one statement. Over several, the ids come from the list's own database in
 * pages, and the people from theirs: one statement a database and page, until the list is full or over.
 */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import { filled, orderedBy, readsAcross, type Shards, scatter } from '../placement.ts'
import { idList } from './feed.ts'
import type { PersonRow } from './graph.ts'
import { followedBy, notBlocked, profileVisible } from './visibility.ts'

const person = sql.raw('u.user_id::text, u.username, u.display_name, u.profile_image_url, u.is_private')

/** People by id as a viewer may see them, in no order. Rows of `PersonRow`. For one database. */
export function peopleAmong(ids: readonly Id[], viewer: Id): SQL {
  return sql`SELECT ${person} FROM users u
    WHERE u.user_id = ANY(${idList(ids)}) AND ${profileVisible(viewer)}`
}

/** Who follows a person, newest account first below `before`. Rows of `PersonRow`. */
export function followersOf(user: Id, viewer: Id, before: Id | null, limit: number): SQL {
  const link = sql`followers l ON l.follower_id = u.user_id AND l.followee_id = ${user}::bigint`
  const ids = idsIn(
    user,
    (below, n) => sql`SELECT follower_id AS id FROM followers
    WHERE followee_id = ${user}::bigint AND state = 'active' ${under('follower_id', below)}
    ORDER BY follower_id DESC LIMIT ${n}::int`,
  )
  return peopleThrough(link, ids, viewer, before, limit)
}

/** Whom a person follows. Rows of `PersonRow`. */
export function followingOf(user: Id, viewer: Id, before: Id | null, limit: number): SQL {
  const link = sql`follows l ON l.followee_id = u.user_id AND l.follower_id = ${user}::bigint`
  return peopleThrough(link, followees(user), viewer, before, limit)
}

/** Whom the viewer follows among a person's followers: "followed by … whom you follow". Rows of `PersonRow`. */
export function mutualsOf(user: Id, viewer: Id, before: Id | null, limit: number): SQL {
  const link = sql`followers l ON l.follower_id = u.user_id AND l.followee_id = ${user}::bigint
      AND ${followedBy(viewer, sql`u.user_id`)}`
  // Through the viewer's list, which is the short one: a celebrity has millions of followers.
  const mutual = (page: readonly Id[]) => sql`SELECT follower_id AS id FROM followers
    WHERE followee_id = ${user}::bigint AND follower_id = ANY(${idList(page)}) AND state = 'active'`
  const among = async (shards: Shards, page: readonly Id[]) =>
    page.length === 0 ? [] : (await shards.of(user).query<{ id: string }>(mutual(page))).map(({ id }) => String(id))
  return peopleThrough(link, followees(viewer), viewer, before, limit, among)
}

/** Who asks to follow a private person. Rows of `PersonRow`. */
export function followRequestsOf(user: Id, before: Id | null, limit: number): SQL {
  const bound = before === null ? sql`` : sql`AND u.user_id < ${before}::bigint`
  const statement = sql`SELECT ${person} FROM follow_requests r JOIN users u ON u.user_id = r.follower_id
     WHERE r.followee_id = ${user}::bigint AND u.deleted_at IS NULL AND ${notBlocked(user, sql`u.user_id`)} ${bound}
     ORDER BY u.user_id DESC LIMIT ${limit}::int`
  const ids = idsIn(
    user,
    (below, n) => sql`SELECT follower_id AS id FROM follow_requests
    WHERE followee_id = ${user}::bigint ${under('follower_id', below)} ORDER BY follower_id DESC LIMIT ${n}::int`,
  )
  return readsAcross(statement, (shards) => fill(shards, ids, user, before, limit))
}

/** Which of a page's ids belong into the list. */
type Among = (shards: Shards, page: readonly Id[]) => Promise<readonly Id[]>

/** A page of a list's ids, newest first below one of them. */
type IdPage = (shards: Shards, below: Id | null, limit: number) => Promise<Id[]>

const under = (column: string, below: Id | null) =>
  below === null ? sql`` : sql`AND ${sql.raw(column)} < ${below}::bigint`

const idsIn =
  (owner: Id, page: (below: Id | null, limit: number) => SQL): IdPage =>
  async (shards, below, limit) =>
    (await shards.of(owner).query<{ id: string }>(page(below, limit))).map(({ id }) => String(id))

const followees = (user: Id): IdPage =>
  idsIn(
    user,
    (below, n) => sql`SELECT followee_id AS id FROM follows
    WHERE follower_id = ${user}::bigint AND state = 'active' ${under('followee_id', below)}
    ORDER BY followee_id DESC LIMIT ${n}::int`,
  )

function peopleThrough(link: SQL, ids: IdPage, viewer: Id, before: Id | null, limit: number, among?: Among): SQL {
  const bound = before === null ? sql`` : sql`AND u.user_id < ${before}::bigint`
  const statement = sql`SELECT ${person} FROM users u JOIN ${link} AND l.state = 'active'
     WHERE ${profileVisible(viewer)} ${bound} ORDER BY u.user_id DESC LIMIT ${limit}::int`
  return readsAcross(statement, (shards) => fill(shards, ids, viewer, before, limit, among))
}

function fill(
  shards: Shards,
  ids: IdPage,
  viewer: Id,
  before: Id | null,
  limit: number,
  among: Among = async (_, page) => page,
): Promise<PersonRow[]> {
  return filled<Pick<PersonRow, 'user_id'>>(before, limit, 'user_id', async (below, size) => {
    const page = await ids(shards, below, size)
    const kept = await among(shards, page)
    const people = await scatter<PersonRow>(shards, kept, (own) => peopleAmong(own, viewer))
    return { page: page.map((id) => ({ user_id: id })), kept: orderedBy<PersonRow>('user_id', 'desc', size)(people) }
  }) as Promise<PersonRow[]>
}
