/** Followers by SQL and by Redis' own commands: through the API, a million of them would take hours. */
import type pg from 'pg'
import { compareIds, createIdFactory, type Id } from '#core/ids.ts'
import { keys, MARK } from '#core/keys.ts'
import type { RedisPort } from '#core/redis.ts'
import { seededRandom } from '../random.ts'

const AT_ONCE = 2_000

/** So many accounts, each with a warm timeline. Answers their ids, ascending. */
export async function warmReaders(count: number, database: pg.Client, redis: RedisPort): Promise<Id[]> {
  const random = seededRandom(3)
  const ids = createIdFactory(Date.now, random)
  const readers = Array.from({ length: count }, () => ids.next(ids.randomShard())).sort(compareIds)
  for (const page of pagesOf(readers)) {
    await database.query(
      `insert into users (user_id, username, email)
       select id, 'follower' || id, id || '@bench.test' from unnest($1::bigint[]) id`,
      [`{${page.join(',')}}`],
    )
    await redis.pipeline(page.map((reader) => ['ZADD', keys.timeline(reader), 0, MARK]))
  }
  return readers
}

/** Lets them follow an author: follows, the inverse and the counts. */
export async function follow(author: Id, readers: readonly Id[], database: pg.Client): Promise<void> {
  for (const page of pagesOf(readers)) {
    const some = `{${page.join(',')}}`
    const values = [some, author]
    await database.query(
      'insert into follows (follower_id, followee_id) select id, $2 from unnest($1::bigint[]) id',
      values,
    )
    await database.query(
      'insert into followers (followee_id, follower_id) select $2, id from unnest($1::bigint[]) id',
      values,
    )
    await database.query('update users set following_count = following_count + 1 where user_id = any($1::bigint[])', [
      some,
    ])
  }
  await countFollowers(author, database)
}

/** So many more followers of whom there is the inverse row and nothing else: what a fan-out would read. */
export async function followInBulk(author: Id, count: number, database: pg.Client): Promise<void> {
  const atOnce = 100_000
  for (let from = 1; from <= count; from += atOnce) {
    await database.query(
      'insert into followers (followee_id, follower_id) select $1, n from generate_series($2::bigint, $3::bigint) n',
      [author, from, Math.min(count, from + atOnce - 1)],
    )
  }
  await countFollowers(author, database)
}

async function countFollowers(author: Id, database: pg.Client): Promise<void> {
  await database.query(
    'update users set follower_count = (select count(*) from followers where followee_id = $1) where user_id = $1',
    [author],
  )
}

function pagesOf(readers: readonly Id[]): Id[][] {
  const pages = Math.ceil(readers.length / AT_ONCE)
  return Array.from({ length: pages }, (_, i) => readers.slice(i * AT_ONCE, (i + 1) * AT_ONCE))
}
