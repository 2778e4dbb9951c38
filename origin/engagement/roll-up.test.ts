import { afterAll, beforeAll, expect, test } from 'vitest'
import { keys } from '#core/keys.ts'
import { strings } from '#core/redis.ts'
import { SHARDS, shardPicker } from './counter-shards.ts'
import { moveCounts } from './counters.ts'
import { ROLL_UP } from './roll-up.ts'
import { newId, openStage, type Stage } from './testing.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
}, 60_000)
afterAll(() => stage.close())

test('likes reach the rolled-up counts, the delta and the row at the next roll', async () => {
  const { post, author } = await stage.begin()
  for (let i = 0; i < 3; i++) await stage.like(post, newId(), author)
  expect(await stage.roll.tick()).toMatchObject({ recounted: 1 })
  expect(await stage.one(['GET', keys.counts(post)])).toBe('3:0')
  expect(strings(await stage.one(['ZRANGE', keys.delta(), 0, -1]))).toEqual([`c:${post}:3:0`])
  expect(await stage.rowCounts(post)).toEqual({ like_count: 3, comment_count: 0 })
})

test('the next roll replaces the former counts in the delta', async () => {
  const { post, author } = await stage.begin()
  await stage.like(post, newId(), author)
  await stage.roll.tick()
  stage.now += 1_000
  await stage.like(post, newId(), author)
  expect(await stage.roll.tick()).toEqual({ rolled: 1, recounted: 0 })
  expect(strings(await stage.one(['ZRANGE', keys.delta(), 0, -1]))).toEqual([`c:${post}:2:0`])
})

test('a repeated like counts once, and its event keeps its id', async () => {
  const { post, author } = await stage.begin()
  const user = newId()
  expect(await stage.like(post, user, author)).toMatchObject({ result: 'added' })
  expect(await stage.like(post, user, author)).toMatchObject({ result: 'already' })
  await stage.roll.tick()
  expect(await stage.one(['GET', keys.counts(post)])).toBe('1:0')
  const sent = await stage.pool.query(
    "select distinct value ->> 'id' as id from log_messages where topic = 'post.liked' and key = $1",
    [post],
  )
  expect(sent.rows).toHaveLength(1)
})

test('a quiet post is recounted from the store, then costs nothing more', async () => {
  const { post, author } = await stage.begin()
  await stage.like(post, newId(), author)
  await stage.roll.tick()
  await stage.engine.pipeline([['INCRBY', keys.likeShard(post, 0), 40]])
  stage.now += ROLL_UP.quietMs
  expect(await stage.roll.tick()).toMatchObject({ recounted: 1 })
  expect(stage.drift).toBe(40)
  expect(await stage.one(['GET', keys.counts(post)])).toBe('1:0')
  stage.now += 1_000
  expect(await stage.roll.tick()).toEqual({ rolled: 0, recounted: 0 })
  expect(await stage.one(['ZCARD', keys.dirtyCounts()])).toBe(0)
})

test('a hot post’s counters are spread over shards, summed as they are, and folded once it is quiet', async () => {
  const { post, author } = await stage.begin()
  await stage.like(post, newId(), author)
  await stage.roll.tick()
  const shards = shardPicker(
    () => stage.now,
    () => (stage.now % 100) / 100,
  )
  const move = () =>
    stage.engine.pipeline(moveCounts({ postId: post, likes: 1, comments: 0 }, stage.now, shards.pick(post, 1)))
  stage.now = Math.ceil(stage.now / 1_000) * 1_000
  for (let i = 0; i < SHARDS.hotPerSecond + 50; i++) {
    stage.now += i >= SHARDS.hotPerSecond ? 1 : 0
    await move()
  }
  expect(Number(await stage.one(['GET', keys.likeShard(post, 0)]))).toBe(1 + SHARDS.hotPerSecond)
  expect(await stage.one(['GET', keys.likeShard(post, 7)])).toBe('1')
  await stage.roll.tick()
  expect(await stage.one(['GET', keys.counts(post)])).toBe(`${SHARDS.hotPerSecond + 51}:0`)
  stage.now += ROLL_UP.quietMs
  await stage.roll.tick()
  // The store has heard of one like only: the recount says what is true.
  expect(await stage.one(['GET', keys.counts(post)])).toBe('1:0')
  expect(await stage.one(['GET', keys.likeShard(post, 0)])).toBe('1')
  expect(await stage.one(['EXISTS', keys.likeShard(post, 7)])).toBe(0)
  expect(await stage.one(['SCARD', keys.spreadCounts()])).toBe(0)
})

test('what a hot post gets in the second of its recount is found, and nothing of it is left in shards', async () => {
  const { post, author } = await stage.begin()
  await stage.like(post, newId(), author)
  await stage.roll.tick()
  const shards = shardPicker(
    () => stage.now,
    () => 0.07,
  )
  const move = () =>
    stage.engine.pipeline(moveCounts({ postId: post, likes: 1, comments: 0 }, stage.now, shards.pick(post, 1)))
  for (let moves = 0; moves <= SHARDS.hotPerSecond; moves++) await move()
  await stage.roll.tick()
  stage.now += ROLL_UP.hotRecountMs
  for (let moves = 0; moves <= SHARDS.hotPerSecond; moves++) await move()
  expect(await stage.roll.tick()).toMatchObject({ recounted: 1 })
  expect(await stage.one(['GET', keys.counts(post)])).toBe('1:0')
  await move()
  expect(await stage.one(['GET', keys.likeShard(post, 7)])).toBe('1')
  stage.now += 1_000
  await stage.roll.tick()
  expect(await stage.one(['GET', keys.counts(post)])).toBe('2:0')
  stage.now += ROLL_UP.quietMs
  await stage.roll.tick()
  expect(await stage.one(['EXISTS', keys.likeShard(post, 7)])).toBe(0)
})

test('counters of a post that nobody likes any more leave Redis, its counts first, and its next like has it counted', async () => {
  const { post, author } = await stage.begin()
  await stage.like(post, newId(), author)
  await stage.roll.tick()
  const ttls = async () =>
    (await stage.engine.pipeline(
      [keys.counts(post), keys.likeShard(post, 0), keys.commentShard(post, 0)].map((key) => ['TTL', key]),
    )) as number[]
  const [counts, likes, comments] = await ttls()
  expect(counts).toBeGreaterThan(29 * 86_400)
  expect(Math.min(likes!, comments!)).toBeGreaterThan(counts!)
  await stage.engine.pipeline([['PERSIST', keys.likeShard(post, 0)]])
  await stage.like(post, newId(), author)
  stage.now += 1_000
  await stage.roll.tick()
  expect((await ttls())[1]).toBeGreaterThan(30 * 86_400)
  // A month later.
  await stage.engine.pipeline([
    ['DEL', keys.counts(post)],
    ['DEL', keys.likeShard(post, 0)],
  ])
  await stage.like(post, newId(), author)
  stage.now += 1_000
  await stage.roll.tick()
  expect(await stage.one(['GET', keys.counts(post)])).toBe('3:0')
})

test('a post that is never quiet is recounted now and then', async () => {
  const { post, author } = await stage.begin()
  await stage.like(post, newId(), author)
  await stage.roll.tick()
  await stage.engine.pipeline([['INCRBY', keys.likeShard(post, 0), 7]])
  let recounted = 0
  for (let ms = 0; ms <= ROLL_UP.hotRecountMs; ms += 4_000) {
    stage.now += 4_000
    await stage.like(post, newId(), author)
    recounted += (await stage.roll.tick()).recounted
  }
  expect(recounted).toBe(1)
  expect(stage.drift).toBe(7)
})
