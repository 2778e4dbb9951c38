/** Fan-out as it runs: posts through the embedded log, with handlers that fail and pages that wait. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { makeEvent } from '#core/events.ts'
import { createIdFactory, type Id } from '#core/ids.ts'
import { keys, MARK } from '#core/keys.ts'
import { RedisAwayError, type RedisPort, strings } from '#core/redis.ts'
import { DELETED, readPost } from '#core/timeline/index.ts'
import { startDatabase, startRedis, type TestDatabase, type TestRedis } from '../../test/contract/engines.ts'
import { SMALL_POLICY } from '../../test/interleavings/cast.ts'
import type { OperableEventLog } from '../event-log.ts'
import { postgresLog } from '../log/index.ts'
import { createLogger } from '../observe/logger.ts'
import { createMetrics } from '../observe/metrics.ts'
import { createFanout } from './index.ts'
import { LANE_LIMITS } from './lanes.ts'

const ids = createIdFactory(Date.now, Math.random)
const newId = () => ids.next(3)
const policy = { ...SMALL_POLICY, celebrityAt: 1_000, inlineFollowers: 10, followersPerPage: 20, timelineLength: 50 }
const until = (read: () => unknown) => expect.poll(read, { timeout: 20_000, interval: 5 })

let postgres: TestDatabase
let server: TestRedis
let log: OperableEventLog
/** What comes before each pipeline of fan-out; a page's are told by their length. */
let before: (commands: Parameters<RedisPort['pipeline']>[0]) => Promise<void>

beforeAll(async () => {
  ;[postgres, server] = await Promise.all([startDatabase(), startRedis()])
}, 60_000)
afterAll(async () => {
  await server.close()
  await postgres.close()
})
beforeEach(async () => {
  before = async () => {}
  await postgres.pool.query('truncate log_messages, log_partitions, log_offsets, log_members')
  const logger = createLogger({ level: 'silent' })
  const common = { clock: Date.now, random: Math.random, logger, metrics: createMetrics() }
  log = postgresLog({
    ...common,
    database: postgres.database,
    backoff: { firstMs: 5, maxMs: 20 },
  })
  const redis = {
    ...server.redis,
    async pipeline(commands: Parameters<RedisPort['pipeline']>[0]) {
      await before(commands)
      return server.redis.pipeline(commands)
    },
  }
  createFanout({ ...common, database: postgres.database, redis, log, policy, flushOutbox: async () => {} }).consume()
})
afterEach(() => log.close())

async function authorWith(followers: number): Promise<{ author: Id; readers: Id[] }> {
  const author = newId()
  const readers = Array.from({ length: followers }, newId)
  await postgres.pool.query(
    'insert into users (user_id, username, email, follower_count) values ($1::bigint, $1, $1, $2)',
    [author, followers],
  )
  await postgres.pool.query(
    'insert into followers (followee_id, follower_id) select $1, id from unnest($2::bigint[]) id',
    [author, `{${readers.join(',')}}`],
  )
  await server.redis.pipeline(readers.map((reader) => ['ZADD', keys.timeline(reader), 0, MARK]))
  return { author, readers }
}

async function publish(author: Id): Promise<Id> {
  const post = newId()
  await postgres.pool.query("insert into posts (post_id, user_id, media_urls) values ($1, $2, '[]')", [post, author])
  const data = { postId: post, userId: author, version: 1, awaitsMedia: false, hashtags: [] }
  await log.publish([makeEvent({ type: 'post.created', key: author, actor: author, data }, Date.now, Math.random)])
  return post
}

async function remove(author: Id, post: Id): Promise<void> {
  await postgres.pool.query('update posts set deleted_at = now() where post_id = $1', [post])
  const data = { postId: post, userId: author, version: 2 }
  await log.publish([makeEvent({ type: 'post.deleted', key: author, actor: author, data }, Date.now, Math.random)])
}

async function holding(readers: readonly Id[], post: Id): Promise<number> {
  const scores = await server.redis.pipeline(readers.map((reader) => ['ZSCORE', keys.timeline(reader), post]))
  return scores.filter((score) => score !== null).length
}

/** Keeps pages from being written until they are let go: those whose pipelines begin with this command. */
function holdPages(first = 'PTTL'): { held(): number; letGo(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  let held = 0
  before = async (commands) => {
    if (commands.length < policy.followersPerPage || commands[0]?.[0] !== first) return
    held++
    await promise
  }
  return { held: () => held, letGo: resolve }
}

test('a fan-out whose handlers die in the middle of pages goes on, and every timeline has the post once', async () => {
  const { author, readers } = await authorWith(207)
  let left = 9
  before = async (commands) => {
    if (commands.length < 5 || left-- <= 0) return
    // Some of it is written, and nobody hears of it.
    await server.redis.pipeline(commands.slice(0, commands.length / 2))
    throw new RedisAwayError('the line to redis broke')
  }
  const post = await publish(author)
  await until(() => holding(readers, post)).toBe(readers.length)
  expect(left).toBeLessThan(0)
  const timelines = await server.redis.pipeline(readers.map((reader) => ['ZRANGE', keys.timeline(reader), 0, -1]))
  expect(new Set(timelines.map((members) => strings(members).join()))).toEqual(new Set([`${MARK},${post}`]))
  expect(await log.deadLetters('fanout.page')).toEqual([])
})

test('a small author’s post is not held up behind fifty pages of others', async () => {
  // Whole pages only: a shorter one would not be held.
  const large = await authorWith(50 * policy.followersPerPage)
  const small = await authorWith(10)
  const { held, letGo } = holdPages()
  const waiting = await publish(large.author)
  await until(held).toBe(LANE_LIMITS.turns)
  const post = await publish(small.author)
  await until(() => holding(small.readers, post)).toBe(10)
  expect(await holding(large.readers, waiting)).toBe(0)
  letGo()
  await until(() => holding(large.readers, waiting)).toBe(large.readers.length)
})

test('a deleted post is gone for readers at once and leaves timelines when pages leave time for it', async () => {
  const [former, busy] = [await authorWith(60), await authorWith(400)]
  const deleted = await publish(former.author)
  await until(() => holding(former.readers, deleted)).toBe(60)
  const { held, letGo } = holdPages()
  const post = await publish(busy.author)
  await until(held).toBe(LANE_LIMITS.turns)
  await remove(former.author, deleted)
  await until(() => server.redis.pipeline([readPost(deleted)])).toEqual([DELETED])
  expect(await holding(former.readers, deleted)).toBe(60)
  letGo()
  await until(() => holding(busy.readers, post)).toBe(400)
  await until(() => holding(former.readers, deleted)).toBe(0)
})

test('the posts of an author who crosses the line wait for no repair', async () => {
  const { author, readers } = await authorWith(60)
  const { pool } = postgres
  const mode = async () =>
    (await pool.query('select mode from author_modes where author_id = $1', [author])).rows[0].mode
  const columns = 'author_id, mode, version, applied_mode, applied_version'
  await pool.query(`insert into author_modes (${columns}) values ($1, 'both', 3, 'pull', 2)`, [author])
  const early = await publish(author)
  await until(() => server.redis.pipeline([['ZSCORE', keys.author(author), early]])).not.toEqual([null])
  const { held, letGo } = holdPages('ZSCORE')
  const data = { userId: author, mode: 'both', up: false, version: 3 } as const
  await log.publish([makeEvent({ type: 'celebrity.changed', key: author, actor: null, data }, Date.now, Math.random)])
  await until(held).toBe(1)
  const post = await publish(author)
  await until(() => holding(readers, post)).toBe(60)
  expect(await holding(readers, early)).toBe(0)
  expect(await mode()).toBe('both')
  letGo()
  await until(mode).toBe('push')
  expect(await holding(readers, early)).toBe(60)
})
