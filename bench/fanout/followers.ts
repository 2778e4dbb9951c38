import type pg from 'pg'
import { createIdFactory, type Id } from '#core/ids.ts'
import { seededRandom } from '../random.ts'

/** Gives an author so many followers, by SQL: accounts, follows, the inverse and the counts. Answers their ids, ascending. */
export async function followersOf(author: Id, count: number, database: pg.Client): Promise<Id[]> {
  const random = seededRandom(3)
  const ids = createIdFactory(Date.now, random)
  const followers = Array.from({ length: count }, () => ids.next(ids.randomShard())).sort((a, b) =>
    Number(BigInt(a) - BigInt(b)),
  )
  for (let i = 0; i < count; i += 2_000) {
    const page = `{${followers.slice(i, i + 2_000).join(',')}}`
    await database.query(
      `insert into users (user_id, username, email, following_count)
       select id, 'follower' || id, id || '@bench.test', 1 from unnest($1::bigint[]) id`,
      [page],
    )
    await database.query('insert into follows (follower_id, followee_id) select id, $2 from unnest($1::bigint[]) id', [
      page,
      author,
    ])
    await database.query(
      'insert into followers (followee_id, follower_id) select $2, id from unnest($1::bigint[]) id',
      [page, author],
    )
  }
  await database.query('update users set follower_count = $2 where user_id = $1', [author, count])
  return followers
}
