/** A post to be liked, with its author; and plain inserts beside its likes. */
import type pg from 'pg'
import type { Id } from '#core/ids.ts'
import { perSecond } from './rate.ts'

export interface BenchPost {
  id: Id
  author: Id
}

export async function publish(database: Pick<pg.Client, 'query'>, id: Id, author: Id): Promise<BenchPost> {
  const person = [author, `bench${author}`, `${author}@bench.test`]
  await database.query('insert into users (user_id, username, email) values ($1, $2, $3)', person)
  await database.query("insert into posts (post_id, user_id, media_urls) values ($1, $2, '[]')", [id, author])
  return { id, author }
}

/** Rows a second of a like's shape by plain prepared inserts, in a table of its own: what the same engine takes. */
export async function plainInsertsPerSecond(
  database: Pick<pg.Pool, 'query'>,
  people: readonly Id[],
  parallel: number,
): Promise<number> {
  await database.query(
    'create table if not exists plain_likes (user_id bigint, post_id bigint, at bigint, primary key (user_id, post_id))',
  )
  const text = 'insert into plain_likes (user_id, post_id, at) values ($1, $2, $3)'
  return await perSecond(people, parallel, (person) =>
    database.query({ name: 'plain-like', text, values: [person, '1', Date.now()] }),
  )
}
