import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { type Command, RedisAwayError, type RedisPort } from '#core/redis.ts'
import { SHARDS, shardPicker } from './counter-shards.ts'
import { gatherTaps } from './taps.ts'
import { newId, openStage, type Stage } from './testing.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
}, 60_000)
afterAll(() => stage.close())

/** Pipelines as they leave, over the real Redis. */
function watched() {
  const sent: (readonly Command[])[] = []
  const redis: RedisPort = {
    pipeline(commands) {
      sent.push(commands)
      return stage.redis.pipeline(commands)
    },
  }
  const clock = () => stage.now
  return { sent, taps: gatherTaps({ redis, clock, shards: shardPicker(clock, () => 0.07) }) }
}

const like = (postId: Id, likes = 1) => ({ postId, likes, comments: 0 })

test('what taps of one moment do to a post is one command, and each hears of its own person', async () => {
  await stage.begin()
  const { sent, taps } = watched()
  const [post, other, reader] = [newId(), newId(), newId()]
  await stage.engine.pipeline([['ZADD', keys.liked(reader), 0, '~']])
  const heard = await Promise.all([
    taps.moveLike(like(post), newId()),
    taps.moveLike(like(post), reader),
    taps.moveLike(like(post, -1), newId()),
    taps.moveLike(like(other), newId()),
    taps.moveLike(like(post, 0), newId()),
    taps.moveLike(like(post), newId()),
  ])
  expect(heard).toEqual([false, true, false, false, false, false])
  expect(sent).toHaveLength(1)
  expect(sent[0]?.filter(([name]) => name === 'INCRBY')).toEqual([
    ['INCRBY', keys.likeShard(post, 0), 2],
    ['INCRBY', keys.likeShard(other, 0), 1],
  ])
  expect(await stage.one(['ZSCORE', keys.dirtyCounts(), post])).toBe(String(stage.now))
})

test('a post is hot by its taps, not by the pipelines that they go in', async () => {
  await stage.begin()
  const { taps } = watched()
  const post = newId()
  await taps.move(like(post))
  expect(await stage.one(['SISMEMBER', keys.spreadCounts(), post])).toBe(0)
  await Promise.all(Array.from({ length: SHARDS.hotPerSecond }, () => taps.moveLike(like(post), newId())))
  expect(await stage.one(['SISMEMBER', keys.spreadCounts(), post])).toBe(1)
  const shards = await stage.engine.pipeline([0, 7].map((n): Command => ['GET', keys.likeShard(post, n)]))
  expect(shards.reduce<number>((sum, one) => sum + Number(one), 0)).toBe(1 + SHARDS.hotPerSecond)
  expect(Number(shards[1])).toBeGreaterThan(0)
})

test('with Redis away all of one moment hear of it, and nothing is moved twice', async () => {
  await stage.begin()
  const { sent, taps } = watched()
  const post = newId()
  stage.isRedisAway = true
  const settled = await Promise.allSettled([taps.mark(post), taps.move(like(post)), taps.moveLike(like(post), newId())])
  expect(settled.every((one) => one.status === 'rejected' && one.reason instanceof RedisAwayError)).toBe(true)
  expect(sent).toHaveLength(1)
  stage.isRedisAway = false
  await taps.move(like(post))
  expect(await stage.one(['GET', keys.likeShard(post, 0)])).toBe('1')
})

test('a silent Redis is waited for shortly, and nobody stands in single file behind its pipelines', async () => {
  await stage.begin()
  let isSilent = true
  const redis: RedisPort = {
    pipeline: (commands) => (isSilent ? new Promise(() => undefined) : stage.redis.pipeline(commands)),
  }
  const taps = gatherTaps({
    redis,
    clock: () => stage.now,
    shards: shardPicker(
      () => stage.now,
      () => 0.07,
    ),
  })
  const post = newId()
  const first = taps.mark(post)
  first.catch(() => undefined)
  // The first has left when this comes.
  await Promise.resolve()
  await Promise.resolve()
  await expect(taps.moveLike(like(post), newId())).rejects.toBeInstanceOf(RedisAwayError)
  await expect(first).rejects.toBeInstanceOf(RedisAwayError)
  isSilent = false
  await taps.move(like(post))
  expect(await stage.one(['GET', keys.likeShard(post, 0)])).toBe('1')
})

test('a counter that Redis refuses to raise fails no tap that is stored, and the recount mends it', async () => {
  const { post: bad, author } = await stage.begin()
  const good = newId()
  await stage.pool.query("insert into posts (post_id, user_id, media_urls) values ($1, $2, '[]')", [good, author])
  await stage.engine.pipeline([['SET', keys.likeShard(bad, 0), '9223372036854775807']])
  const people = Array.from({ length: 10 }, newId)
  const answers = await Promise.all(
    people.flatMap((user) => [stage.like(bad, user, author), stage.like(good, user, author)]),
  )
  expect(answers.every((answer) => (answer as { result: string }).result === 'added')).toBe(true)
  await stage.roll.tick()
  expect(await stage.one(['GET', keys.counts(good)])).toBe('10:0')
  stage.now += 60_000
  await stage.roll.tick()
  expect(await stage.one(['GET', keys.counts(bad)])).toBe('10:0')
})

test('a thousand likes of a moment through the service, some twice, some taken back, are counted as they stand', async () => {
  const { post, author } = await stage.begin()
  const people = Array.from({ length: 1_000 }, newId)
  await Promise.all([...people, ...people.slice(0, 50)].map((user) => stage.like(post, user, author)))
  await Promise.all(people.slice(0, 100).map((user) => stage.unlike(post, user, author, stage.now + 1)))
  await stage.roll.tick()
  expect(await stage.one(['GET', keys.counts(post)])).toBe('900:0')
  expect(await stage.store().count(post)).toEqual({ likes: 900, comments: 0 })
  stage.now += 60_000
  await stage.roll.tick()
  expect(await stage.one(['GET', keys.counts(post)])).toBe('900:0')
  expect(stage.drift).toBe(0)
  expect(await stage.one(['SCARD', keys.spreadCounts()])).toBe(0)
})
