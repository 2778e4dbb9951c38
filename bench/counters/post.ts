/** A post to be liked, with its author. */
import type { Id } from '#core/ids.ts'
import type { Origin } from '../../origin/main.ts'

export interface BenchPost {
  id: Id
  author: Id
}

export async function publish(origin: Origin, id: Id, author: Id): Promise<BenchPost> {
  const [pool] = origin.engines.pools
  await pool.query('insert into users (user_id, username, email) values ($1, $2, $3)', [
    author,
    `bench${author}`,
    `${author}@bench.test`,
  ])
  await pool.query("insert into posts (post_id, user_id, media_urls) values ($1, $2, '[]')", [id, author])
  return { id, author }
}
