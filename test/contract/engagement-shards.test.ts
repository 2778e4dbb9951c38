/** Counts where the posts' rows lie in two databases, of which one is away. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { problems } from '#core/problem.ts'
import type { Database } from '#drizzle/database.ts'
import { postsByIds } from '#drizzle/queries/feed.ts'
import { shardedDatabase } from '#drizzle/sharded.ts'
import { markDirty } from '../../origin/engagement/counters.ts'
import { postgresEngagement } from '../../origin/engagement/index.ts'
import { createRollUp, ROLL_UP } from '../../origin/engagement/roll-up.ts'
import { unlessSilent } from '../../origin/silence.ts'
import { startRedis } from './engines.ts'
import { HERE, openRelational, type Relational, THERE } from './shards-harness.ts'

let relational: Relational
let server: Awaited<ReturnType<typeof startRedis>>
beforeAll(async () => {
  ;[relational, server] = await Promise.all([openRelational(2), startRedis()])
}, 120_000)
afterAll(async () => {
  await server.close()
  await relational.close()
})

interface Line {
  isCut: boolean
}

/** Both databases, the line to the second of them cut while `line.isCut`. */
function withLine(line: Line, cut: () => Promise<never>) {
  const [first, second] = relational.shards
  const database: Database = {
    query: (statement) => (line.isCut ? cut() : second!.database.query(statement)),
    batch: (statements) => (line.isCut ? cut() : second!.database.batch(statements)),
  }
  const away = () => problems.away('The database', 1)
  const limits = { suspiciousMs: 50, everyMs: 20 }
  const watched = unlessSilent(database, { look: async () => (line.isCut ? 'silent' : 'answers'), away, limits })
  return shardedDatabase([first, { ranges: second!.ranges, database: watched }])
}

const CUTS: [how: string, cut: () => Promise<never>][] = [
  ['away', () => Promise.reject(new Error('Connection terminated'))],
  ['silent', () => new Promise(() => {})],
]

test.each(CUTS)(
  'counts go on in one database while the other is %s, and are caught up with when it is back',
  async (_, cut) => {
    const { redis } = server
    const store = postgresEngagement(relational.shards[0].database)
    const [here, there] = [await relational.person({ shard: HERE }), await relational.person({ shard: THERE })]
    const posts = [await relational.post(here), await relational.post(there)] as const
    let now = Date.now()
    const line: Line = { isCut: true }
    const failed: Id[] = []
    const roll = createRollUp({
      ...{ redis, store, posts: withLine(line, cut), clock: () => now, owner: 'test' },
      onFailures: (all) => failed.push(...all.map(({ postId }) => postId)),
    })
    for (const postId of posts) {
      await store.setLike({ postId, userId: here, state: 'liked', at: now, version: now * 2 })
      await redis.pipeline([markDirty(postId, now)])
    }
    const counts = () => redis.pipeline(posts.map((post) => ['GET', keys.counts(post)]))
    const rows = async () => {
      const found = await relational.database.query<{ post_id: Id; like_count: number }>(postsByIds(posts))
      return posts.map((post) => found.find(({ post_id }) => post_id === post)?.like_count)
    }

    now += ROLL_UP.quietMs
    await roll.tick()
    expect(await counts()).toEqual(['1:0', null])
    expect(await rows()).toEqual([1, 0])
    expect(failed).toEqual([posts[1]])

    line.isCut = false
    now += ROLL_UP.retryMs
    await roll.tick()
    expect(await counts()).toEqual(['1:0', '1:0'])
    expect(await rows()).toEqual([1, 1])
    expect(await redis.pipeline([['ZCARD', keys.dirtyCounts()]])).toEqual([0])
  },
)
