/** How the log of the writers is compared with the databases, row by row. */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import type { Told } from './shards-load.ts'

/** Sentences about what the databases say and the log does not, or the other way round. None: nothing was lost or doubled. */
export async function differences(
  databases: readonly Database[],
  told: Told,
  ownerOf: (id: Id) => number,
): Promise<string[]> {
  const found: string[] = []
  const rowsOf = async <T>(statement: SQL) => {
    const answers = await Promise.all(databases.map((database) => database.query<T>(statement)))
    return answers.flatMap((rows, at) => rows.map((row) => ({ ...row, at })))
  }
  /** Each of the log once, where its owner is, as `is` wants it; and nothing else. */
  const compare = <T extends { at: number }, L>(
    what: string,
    rows: readonly T[],
    keyOf: (row: T) => string,
    log: ReadonlyMap<string, L>,
    is: (row: T, logged: L) => boolean,
  ) => {
    const seen = new Map<string, T>()
    for (const row of rows) {
      const key = keyOf(row)
      const logged = log.get(key)
      if (seen.has(key)) found.push(`${what} ${key} stands twice, in ${seen.get(key)?.at} and ${row.at}`)
      else if (logged === undefined) found.push(`${what} ${key} was never acknowledged`)
      else if (!is(row, logged)) found.push(`${what} ${key} is ${JSON.stringify(row)}, not ${JSON.stringify(logged)}`)
      seen.set(key, row)
    }
    for (const key of log.keys()) if (!seen.has(key)) found.push(`${what} ${key} is lost`)
  }
  compare(
    'post',
    await rowsOf<{ id: Id; deleted: boolean; like_count: number }>(
      sql`SELECT post_id::text AS id, deleted_at IS NOT NULL AS deleted, like_count FROM posts`,
    ),
    (row) => row.id,
    told.posts,
    (row, post) => row.at === ownerOf(row.id) && row.deleted === post.deleted && row.like_count === post.likes,
  )
  compare(
    'key',
    await rowsOf<{ key: string; post: Id }>(sql`SELECT key, response ->> 'post_id' AS post FROM idempotency_keys`),
    (row) => row.key,
    told.keys,
    (row, key) => row.at === ownerOf(key.user) && row.post === key.post,
  )
  compare(
    'event',
    await rowsOf<{ event_id: string }>(sql`SELECT event_id FROM outbox`),
    (row) => row.event_id,
    new Map([...told.events].map((id) => [id, id])),
    () => true,
  )
  compare(
    'notification',
    await rowsOf<{ dedupe_key: string }>(sql`SELECT dedupe_key FROM notifications`),
    (row) => row.dedupe_key,
    told.notifications,
    (row, user) => row.at === ownerOf(user),
  )
  compare(
    'affinity',
    await rowsOf<{ pair: string; weight: number }>(
      sql`SELECT user_id::text || '>' || author_id::text AS pair, weight FROM affinities`,
    ),
    (row) => row.pair,
    told.affinities,
    (row, logged) => row.at === ownerOf(logged.user) && row.weight === logged.weight,
  )
  compare(
    'inverse',
    await rowsOf<{ name: string; followee: Id; state: string; version: string }>(
      sql`SELECT follower_id::text || ':' || followee_id::text AS name, state, version FROM followers`,
    ),
    (row) => row.name,
    told.follows,
    (row, logged) =>
      row.at === ownerOf(logged.followee) && row.state === logged.state && Number(row.version) === logged.version,
  )
  const places = [...told.follows].flatMap(([name, pair]) =>
    [...new Set([ownerOf(pair.follower), ownerOf(pair.followee)])].map((at) => [`${name} in ${at}`, pair] as const),
  )
  compare(
    'follow',
    await rowsOf<{ name: string; state: string; version: string }>(
      sql`SELECT follower_id::text || ':' || followee_id::text AS name, state, version FROM follows`,
    ),
    (row) => `${row.name} in ${row.at}`,
    new Map(places),
    (row, logged) => row.state === logged.state && Number(row.version) === logged.version,
  )
  return [...found, ...(await wrongCounts(rowsOf, told))]
}

type RowsOf = <T>(statement: SQL) => Promise<(T & { at: number })[]>

async function wrongCounts(rowsOf: RowsOf, told: Told): Promise<string[]> {
  const people = await rowsOf<{ id: Id; posts: number; followers: number; following: number }>(
    sql`SELECT user_id::text AS id, post_count AS posts, follower_count AS followers, following_count AS following FROM users`,
  )
  const active = [...told.follows.values()].filter(({ state }) => state === 'active')
  return people.flatMap(({ id, posts, followers, following }) => {
    const counted = {
      posts: [...told.posts.values()].filter(({ author, deleted }) => author === id && !deleted).length,
      followers: active.filter(({ followee }) => followee === id).length,
      following: active.filter(({ follower }) => follower === id).length,
    }
    const said = { posts, followers, following }
    return JSON.stringify(said) === JSON.stringify(counted)
      ? []
      : [`person ${id} has ${JSON.stringify(said)}, not ${JSON.stringify(counted)}`]
  })
}
