import { afterAll, beforeAll, expect, test } from 'vitest'
import { createIdFactory, type Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { type Command, RedisAwayError, type RedisPort, strings } from '#core/redis.ts'
import {
  eventually,
  startDatabase,
  startRedis,
  type TestDatabase,
  type TestRedis,
} from '../../test/contract/engines.ts'
import { openPostgresLog } from '../../test/contract/event-log-engines.ts'
import type { OperableEventLog } from '../event-log.ts'
import type { RequestContext } from '../internal-api.ts'
import { createLogger } from '../observe/logger.ts'
import { createMetrics } from '../observe/metrics.ts'
import { createEngagement, type Engagement, postgresEngagement } from './index.ts'
import { LIKED_LENGTH, rebuildLiked, reflectLike } from './liked-set.ts'
import { createRollUp, ROLL_UP, type RollUp } from './roll-up.ts'

const logger = createLogger({ level: 'silent' })
const context: RequestContext = {
  requestId: 'test',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  signal: new AbortController().signal,
  logger,
}
const ids = createIdFactory(Date.now, Math.random)
const newId = () => ids.next(3)

let postgres: TestDatabase
let server: TestRedis
let log: OperableEventLog
let engagement: Engagement
let isRedisAway = false
let now = 0
let drift = 0

/** The real port, and what a cut line to it looks like. */
const redis: RedisPort = {
  pipeline: (commands) => (isRedisAway ? Promise.reject(new RedisAwayError('cut')) : server.redis.pipeline(commands)),
}
const store = () => postgresEngagement(postgres.database)
const rollUp = (owner = 'test') =>
  createRollUp({
    redis,
    store: store(),
    posts: postgres.database,
    clock: () => now,
    owner,
    onRecount: (by) => {
      drift += by
    },
  })
let roll: RollUp
const open = () =>
  createEngagement({
    store: store(),
    redis,
    log,
    posts: postgres.database,
    metrics: createMetrics(),
    logger,
    clock: () => now,
  })

beforeAll(async () => {
  ;[postgres, server] = await Promise.all([startDatabase(), startRedis()])
  log = openPostgresLog(postgres.database)
  engagement = open()
}, 60_000)

afterAll(async () => {
  await engagement.close()
  await log.close()
  await server.close()
  await postgres.close()
})

/** A fresh Redis, a fresh roll-up and a new moment. */
async function begin(): Promise<{ post: Id; author: Id }> {
  isRedisAway = false
  await server.redis.pipeline([['FLUSHALL']])
  now = Date.now()
  drift = 0
  roll = rollUp()
  const [post, author] = [newId(), newId()]
  await postgres.pool.query("insert into posts (post_id, user_id, media_urls) values ($1, $2, '[]')", [post, author])
  return { post, author }
}

const one = async (command: Command) => (await server.redis.pipeline([command]))[0]
const like = (post: Id, user: Id, author: Id, at = now) =>
  engagement.handlers['engagement.like']!({ postId: post, userId: user, authorId: author, at }, context)
const unlike = (post: Id, user: Id, author: Id, at = now) =>
  engagement.handlers['engagement.unlike']!({ postId: post, userId: user, authorId: author, at }, context)
const rowCounts = async (post: Id) =>
  (await postgres.pool.query('select like_count, comment_count from posts where post_id = $1', [post])).rows[0]

test('likes reach the rolled-up counts, the delta and the row at the next roll', async () => {
  const { post, author } = await begin()
  for (let i = 0; i < 3; i++) await like(post, newId(), author)
  expect(await roll.tick()).toMatchObject({ recounted: 1 })
  expect(await one(['GET', keys.counts(post)])).toBe('3:0')
  expect(strings(await one(['ZRANGE', keys.delta(), 0, -1]))).toEqual([`c:${post}:3:0`])
  expect(await rowCounts(post)).toEqual({ like_count: 3, comment_count: 0 })
})

test('the next roll replaces the former counts in the delta', async () => {
  const { post, author } = await begin()
  await like(post, newId(), author)
  await roll.tick()
  now += 1_000
  await like(post, newId(), author)
  expect(await roll.tick()).toEqual({ rolled: 1, recounted: 0 })
  expect(strings(await one(['ZRANGE', keys.delta(), 0, -1]))).toEqual([`c:${post}:2:0`])
})

test('a repeated like counts once, and its event keeps its id', async () => {
  const { post, author } = await begin()
  const user = newId()
  expect(await like(post, user, author)).toMatchObject({ result: 'added' })
  expect(await like(post, user, author)).toMatchObject({ result: 'already' })
  await roll.tick()
  expect(await one(['GET', keys.counts(post)])).toBe('1:0')
  const sent = await postgres.pool.query(
    "select distinct value ->> 'id' as id from log_messages where topic = 'post.liked' and key = $1",
    [post],
  )
  expect(sent.rows).toHaveLength(1)
})

test('a quiet post is recounted from the store, then costs nothing more', async () => {
  const { post, author } = await begin()
  await like(post, newId(), author)
  await roll.tick()
  await server.redis.pipeline([['INCRBY', keys.likeShard(post, 0), 40]])
  now += ROLL_UP.quietMs
  expect(await roll.tick()).toMatchObject({ recounted: 1 })
  expect(drift).toBe(40)
  expect(await one(['GET', keys.counts(post)])).toBe('1:0')
  now += 1_000
  expect(await roll.tick()).toEqual({ rolled: 0, recounted: 0 })
  expect(await one(['ZCARD', keys.dirtyCounts()])).toBe(0)
})

test('a post that moves while it is recounted stays dirty', async () => {
  const { post, author } = await begin()
  await like(post, newId(), author)
  now += ROLL_UP.quietMs
  const counting = store()
  const slow = createRollUp({
    redis,
    store: {
      ...counting,
      count: async (postId) => {
        const counted = await counting.count(postId)
        await like(post, newId(), author)
        return counted
      },
    },
    posts: postgres.database,
    clock: () => now,
    owner: 'test',
  })
  await slow.tick()
  expect(await one(['ZCARD', keys.dirtyCounts()])).toBe(1)
  now += ROLL_UP.quietMs
  await roll.tick()
  expect(await one(['GET', keys.counts(post)])).toBe('2:0')
})

test('counts that Redis has lost are counted again, not begun at zero', async () => {
  const { post, author } = await begin()
  for (let i = 0; i < 3; i++) await like(post, newId(), author)
  await roll.tick()
  await server.redis.pipeline([['FLUSHALL']])
  now += 1_000
  await like(post, newId(), author)
  await roll.tick()
  expect(await one(['GET', keys.counts(post)])).toBe('4:0')
})

test('a post that is never quiet is recounted now and then', async () => {
  const { post, author } = await begin()
  await like(post, newId(), author)
  await roll.tick()
  await server.redis.pipeline([['INCRBY', keys.likeShard(post, 0), 7]])
  let recounted = 0
  for (let ms = 0; ms <= ROLL_UP.hotRecountMs; ms += 4_000) {
    now += 4_000
    await like(post, newId(), author)
    recounted += (await roll.tick()).recounted
  }
  expect(recounted).toBe(1)
  expect(drift).toBe(7)
})

test('one process rolls at a time, and another takes over when it is gone', async () => {
  const { post, author } = await begin()
  const other = rollUp('other')
  await roll.tick()
  await like(post, newId(), author)
  expect(await other.tick()).toEqual({ rolled: 0, recounted: 0 })
  await server.redis.pipeline([['DEL', keys.lease('counts')]])
  expect(await other.tick()).toEqual({ rolled: 0, recounted: 1 })
})

test('a like that Redis did not hear of is counted after all, by its event', async () => {
  const { post, author } = await begin()
  isRedisAway = true
  expect(await like(post, newId(), author)).toMatchObject({ result: 'added' })
  isRedisAway = false
  const started = open()
  started.start()
  await eventually(async () => (await one(['ZSCORE', keys.dirtyCounts(), post])) !== null || rowIs(post, 1))
  now += ROLL_UP.quietMs
  // The one under test rolls by itself, this one when asked: either of them may be first.
  await eventually(async () => {
    await roll.tick()
    return rowIs(post, 1)
  })
  await started.close()
})

const rowIs = async (post: Id, likes: number) => (await rowCounts(post)).like_count === likes

test('comments count while they stand', async () => {
  const { post, author } = await begin()
  const comment = (commentId: Id, userId: Id, parentId: Id | null = null) =>
    engagement.handlers['engagement.comment']!(
      { postId: post, commentId, userId, authorId: author, parentId, body: 'hi' },
      context,
    )
  const remove = (commentId: Id, userId: Id) =>
    engagement.handlers['engagement.deleteComment']!({ postId: post, commentId, userId, postAuthorId: author }, context)
  const [top, reply, deep] = [newId(), newId(), newId()]
  await comment(top, '1')
  await comment(top, '1')
  await comment(reply, '2', top)
  expect(await comment(deep, '1', reply)).toMatchObject({ parentId: top })
  await expect(comment(top, '2')).rejects.toMatchObject({ status: 409, code: 'id-taken' })
  await expect(comment(newId(), '2', newId())).rejects.toMatchObject({ status: 404 })
  await expect(remove(top, '2')).rejects.toMatchObject({ status: 403 })
  await remove(reply, author)
  await remove(reply, author)
  await expect(remove(newId(), author)).rejects.toMatchObject({ status: 404 })
  expect(await one(['GET', keys.commentShard(post, 0)])).toBe('2')
  const list = (parentId: Id | null) =>
    engagement.handlers['engagement.comments']!({ postId: post, parentId, limit: 1, cursor: null }, context)
  expect(await list(top)).toMatchObject({ items: [{ commentId: deep }], cursor: null })
  expect(await list(null)).toMatchObject({ items: [{ commentId: top }], cursor: null })
})

test('a page of likers hands out a cursor for exactly the rest', async () => {
  const { post, author } = await begin()
  const users = []
  for (let i = 0; i < 5; i++) {
    now += 1
    users.unshift(newId())
    await like(post, users[0]!, author)
  }
  const page = (cursor: string | null) =>
    engagement.handlers['engagement.likers']!({ postId: post, limit: 3, cursor }, context)
  const first = await page(null)
  const second = await page(first.cursor)
  expect([...first.items, ...second.items].map((item) => item.userId)).toEqual(users)
  expect(second.cursor).toBeNull()
  await expect(page('bm9uc2Vuc2U')).rejects.toMatchObject({ status: 400 })
})

test('a like from the far future is refused', async () => {
  const { post, author } = await begin()
  await expect(like(post, newId(), author, now + 3_600_000)).rejects.toMatchObject({ status: 400 })
})

test('the liked set follows likes once it stands, and is never made by one', async () => {
  const { post, author } = await begin()
  const user = newId()
  await like(post, user, author)
  expect(await one(['EXISTS', keys.liked(user)])).toBe(0)
  await rebuildLiked(redis, store(), user, 'a')
  const second = newId()
  await like(second, user, author, now + 1)
  expect(strings(await one(['ZRANGE', keys.liked(user), 0, -1, 'WITHSCORES']))).toEqual([
    '~',
    '0',
    post,
    String(now),
    second,
    String(now + 1),
  ])
  expect(await one(['TTL', keys.liked(user)])).toBe(-1)
  await unlike(post, user, author, now + 2)
  expect(strings(await one(['ZRANGE', keys.liked(user), 0, -1]))).toEqual(['~', second])
})

test('a like taken back during a rebuild is not in the set, one given is', async () => {
  const { post, author } = await begin()
  const [user, late] = [newId(), newId()]
  await like(post, user, author)
  const reading = store()
  let reads = 0
  const racing = {
    ...reading,
    likesBy: async (userId: Id, limit: number) => {
      const likes = await reading.likesBy(userId, limit)
      if (++reads === 1) {
        await unlike(post, user, author, now + 1)
        await like(late, user, author, now + 2)
      }
      return likes
    },
  }
  expect(await rebuildLiked(redis, racing, user, 'a')).toBe(true)
  expect(strings(await one(['ZRANGE', keys.liked(user), 0, -1]))).toEqual(['~', late])
})

test('the liked set keeps the newest and says from where on', async () => {
  await begin()
  const user = newId()
  const key = keys.liked(user)
  const members = Array.from({ length: LIKED_LENGTH + 500 }, (_, i) => [i + 1, String(i + 1)]).flat()
  await server.redis.pipeline([
    ['ZADD', key, 0, '~'],
    ['ZADD', key, ...members],
  ])
  await reflectLike(redis, user, '9999', { state: 'liked', at: 9_999, version: 1 })
  expect(await one(['ZSCORE', key, '~'])).toBe('502')
  // The mark itself is the one beside the 5,000.
  expect(await one(['ZCARD', key])).toBe(LIKED_LENGTH + 1)
})
