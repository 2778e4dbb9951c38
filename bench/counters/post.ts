/** A post to be liked, with its author. */
import type pg from 'pg'
import type { Id } from '#core/ids.ts'

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
