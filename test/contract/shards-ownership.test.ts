/** Rows change hands between two databases while a process goes on with the map that it read before; embedded, or at POSTGRES_TEST_URL. */
import { type SQL, sql } from 'drizzle-orm'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createIdFactory, type Id } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import { MAP_FRESH_MS } from '#drizzle/ownership.ts'
import { takeDuePurges } from '#drizzle/queries/fanout.ts'
import { postsByIds } from '#drizzle/queries/feed.ts'
import { type FollowRow, follow, unfollow } from '#drizzle/queries/graph.ts'
import { createPost } from '#drizzle/queries/posts.ts'
import { peopleToIndex } from '#drizzle/queries/search.ts'
import { type Shard, shardedDatabase } from '#drizzle/sharded.ts'
import { routedDatabase } from '../../origin/databases.ts'
import { isAway } from '../../origin/outages.ts'
import { HERE, openRelational, type Relational, THERE } from './shards-harness.ts'

const ids = createIdFactory(Date.now, Math.random)
let relational: Relational
let now: number
/** What somebody else does while a refused statement waits. */
let meanwhile: () => Promise<unknown>
/** Statements that each database was asked, with how many came in one transaction. */
let asked: number[][]
let database: Database

beforeAll(async () => {
  relational = await openRelational(2)
})
afterAll(() => relational?.close())

/** Each in its half again, with nobody in it. */
beforeEach(async () => {
  for (const [i, first, last] of [
    [0, 0, 4095],
    [1, 4096, 8191],
  ] as const) {
    await at(i, sql`TRUNCATE users, posts, follows, follow_requests, timeline_purges, shard_owner, directory`)
    await at(i, sql`INSERT INTO shard_owner (first_shard, last_shard) VALUES (${first}::int, ${last}::int)`)
  }
  await at(0, sql`UPDATE shard_ranges SET database = first_shard / 4096, epoch = 1, moving = false`)
  now = 1_000_000
  meanwhile = async () => undefined
  asked = [[], []]
  const watched = relational.shards.map(({ database: each, ranges }, i): Shard => {
    const counted = (statements: number) => {
      asked[i]?.push(statements)
      return each
    }
    return {
      ranges,
      database: {
        query: (statement) => counted(1).query(statement),
        batch: (statements) => counted(statements.length).batch(statements),
      },
    }
  }) as unknown as [Shard, ...Shard[]]
  database = shardedDatabase(watched, {
    clock: () => now,
    async pause(ms) {
      now += ms
      await meanwhile()
    },
    patienceMs: 1_000,
    unavailable: () => new Error('away'),
  })
})

const at = (index: number, statement: SQL) => relational.shards[index]!.database.query(statement)
const LOWER = { first: 0, last: 4095 }
const state = (index: number, value: string) =>
  at(index, sql`UPDATE shard_owner SET state = ${value} WHERE first_shard = ${LOWER.first}`)
const map = (to: number, epoch: number) =>
  at(0, sql`UPDATE shard_ranges SET database = ${to}::int, epoch = ${epoch}::bigint WHERE first_shard = 0`)

/** Copies a row as a move does, and leaves the old one as it is left until the clean-up. */
async function copy(table: string, key: string, id: Id): Promise<void> {
  const rows = await at(0, sql`SELECT * FROM ${sql.raw(table)} WHERE ${sql.raw(key)} = ${id}::bigint`)
  await at(
    1,
    sql`INSERT INTO ${sql.raw(table)} SELECT * FROM jsonb_populate_recordset(NULL::${sql.raw(table)}, ${JSON.stringify(rows)}::jsonb)`,
  )
}

/** The lower half goes to the second database. */
async function change(): Promise<void> {
  await state(0, 'moved')
  await at(1, sql`INSERT INTO shard_owner (first_shard, last_shard, epoch) VALUES (0, 4095, 2)`)
  await map(1, 2)
}

const post = (userId: Id, shard = HERE) => {
  const postId = ids.next(shard)
  return {
    postId,
    statement: createPost({ postId, userId, caption: '', hashtags: [], mediaIds: [], traceparent: null }),
  }
}
const postsIn = async (index: number, userId: Id) =>
  (await at(index, sql`SELECT post_id FROM posts WHERE user_id = ${userId}::bigint`)).length

describe('a write', () => {
  it('goes to the new owner when the old one refuses it, and leaves nothing at the old one', async () => {
    const ann = await relational.person({ shard: HERE })
    expect(await database.query(post(ann).statement)).toHaveLength(1)
    await copy('users', 'user_id', ann)
    await change()
    expect(await database.query(post(ann).statement)).toHaveLength(1)
    expect([await postsIn(0, ann), await postsIn(1, ann)]).toEqual([1, 1])
  })

  it('waits while a range is closing, and is done where it opens', async () => {
    const ann = await relational.person({ shard: HERE })
    await database.query(post(ann).statement)
    await copy('users', 'user_id', ann)
    await state(0, 'closing')
    let waited = 0
    meanwhile = async () => {
      if (++waited === 3) await change()
    }
    expect(await database.query(post(ann).statement)).toHaveLength(1)
    expect(waited).toBe(3)
    expect([await postsIn(0, ann), await postsIn(1, ann)]).toEqual([1, 1])
  })

  it('is given up after a while, as if the database were away', async () => {
    const ann = await relational.person({ shard: HERE })
    await state(0, 'closing')
    await expect(database.query(post(ann).statement)).rejects.toThrow('away')
    expect(await postsIn(0, ann)).toBe(0)
    const bob = await relational.person({ shard: THERE })
    expect(await database.query(post(bob, THERE).statement)).toHaveLength(1)
  })

  it('that is given up is an outage to the origin’s consumers: what they handle is no dead letter for it', async () => {
    const ann = await relational.person({ shard: HERE })
    await state(0, 'closing')
    const origin = routedDatabase(relational.shards, { patienceMs: 0 })
    const failure = await origin.query(post(ann).statement).catch((error: unknown) => error)
    expect(isAway(failure)).toBe(true)
    expect(failure).toMatchObject({ status: 503 })
  })

  it('is refused at another epoch, and done with the one that the map says by now', async () => {
    const ann = await relational.person({ shard: HERE })
    await database.query(post(ann).statement)
    await at(0, sql`UPDATE shard_owner SET epoch = 3 WHERE first_shard = 0`)
    meanwhile = () => map(0, 3)
    expect(await database.query(post(ann).statement)).toHaveLength(1)
  })

  it('over two databases follows the person who moved in between', async () => {
    const [reader, author] = [await relational.person({ shard: THERE }), await relational.person({ shard: HERE })]
    const [made] = await database.query<FollowRow>(follow(reader, author, null))
    expect(made?.state).toBe('active')
    await copy('users', 'user_id', author)
    await change()
    const [ended] = await database.query<FollowRow>(unfollow(reader, author, null))
    expect(ended).toMatchObject({ state: 'removed', version: '2' })
    const rows = await at(1, sql`SELECT state FROM follows WHERE follower_id = ${reader}::bigint`)
    expect(rows).toEqual([{ state: 'removed' }])
  })
})

describe('a read', () => {
  it('asserts nothing while the map is fresh and nothing moves', async () => {
    const ann = await relational.person({ shard: THERE })
    await database.query(postsByIds([ann]))
    expect(asked[1]).toEqual([1])
  })

  it('asserts when the map is stale: what has moved away is not answered from the old database', async () => {
    const ann = await relational.person({ shard: HERE })
    const first = post(ann)
    await database.query(first.statement)
    await copy('users', 'user_id', ann)
    await copy('posts', 'post_id', first.postId)
    await change()
    await at(1, sql`UPDATE posts SET caption = 'new' WHERE post_id = ${first.postId}::bigint`)
    now += MAP_FRESH_MS + 1
    expect(await database.query(postsByIds([first.postId]))).toMatchObject([{ caption: 'new' }])
  })

  it('asserts what the map says is moving, and is answered there until the new owner opens', async () => {
    await at(0, sql`UPDATE shard_ranges SET moving = true WHERE first_shard = 0`)
    const ann = await relational.person({ shard: HERE })
    const first = post(ann)
    await database.query(first.statement)
    await state(0, 'closing')
    asked[0] = []
    expect(await database.query(postsByIds([first.postId]))).toHaveLength(1)
    expect(asked[0]).toEqual([2])
    await copy('users', 'user_id', ann)
    await copy('posts', 'post_id', first.postId)
    await change()
    await at(0, sql`DELETE FROM posts`)
    expect(await database.query(postsByIds([first.postId]))).toHaveLength(1)
  })

  it('of everybody finds each once while rows stand in both databases', async () => {
    const people = [await relational.person({ shard: HERE }), await relational.person({ shard: THERE })]
    await copy('users', 'user_id', people[0]!)
    const found = async () => (await database.query<{ user_id: Id }>(peopleToIndex('0', 10))).map((row) => row.user_id)
    expect((await found()).sort()).toEqual([...people].sort())
    await change()
    now += MAP_FRESH_MS + 1
    expect((await found()).sort()).toEqual([...people].sort())
  })
})

it('sweeps take rows of their own database only', async () => {
  const purge = (index: number) =>
    at(
      index,
      sql`INSERT INTO timeline_purges (follower_id, followee_id, due_at)
      VALUES (${ids.next(HERE)}::bigint, 1, now() - interval '1 hour')`,
    )
  await purge(0)
  await purge(1)
  expect(await database.query(takeDuePurges(10, 1_000))).toHaveLength(1)
})
