/** What the roll-up makes of races, losses and failures. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { eventually } from '../../test/contract/engines.ts'
import { createRollUp, ROLL_UP } from './roll-up.ts'
import { newId, openStage, type Stage } from './testing.ts'

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
}, 60_000)
afterAll(() => stage.close())

test('a post that moves while it is recounted stays dirty', async () => {
  const { post, author } = await stage.begin()
  await stage.like(post, newId(), author)
  stage.now += ROLL_UP.quietMs
  const counting = stage.store()
  const slow = createRollUp({
    redis: stage.redis,
    store: {
      ...counting,
      count: async (postId) => {
        const counted = await counting.count(postId)
        await stage.like(post, newId(), author)
        return counted
      },
    },
    posts: stage.database,
    clock: () => stage.now,
    owner: 'test',
  })
  await slow.tick()
  expect(await stage.one(['ZCARD', keys.dirtyCounts()])).toBe(1)
  stage.now += ROLL_UP.quietMs
  await stage.roll.tick()
  expect(await stage.one(['GET', keys.counts(post)])).toBe('2:0')
})

test('counts that Redis has lost are counted again, not begun at zero', async () => {
  const { post, author } = await stage.begin()
  for (let i = 0; i < 3; i++) await stage.like(post, newId(), author)
  await stage.roll.tick()
  await stage.engine.pipeline([['FLUSHALL']])
  stage.now += 1_000
  await stage.like(post, newId(), author)
  await stage.roll.tick()
  expect(await stage.one(['GET', keys.counts(post)])).toBe('4:0')
})

test('a post that cannot be counted keeps no other from its counts, and is tried again, less and less often', async () => {
  const { post, author } = await stage.begin()
  const sick = newId()
  await stage.like(sick, newId(), author, stage.now)
  stage.now += 1
  await stage.like(post, newId(), author)
  const counting = stage.store()
  let tries = 0
  let isSick = true
  const told: unknown[] = []
  const roll = createRollUp({
    ...{ redis: stage.redis, posts: stage.database, clock: () => stage.now, owner: 'test' },
    store: {
      ...counting,
      async count(postId) {
        if (postId === sick) tries++
        if (postId === sick && isSick) throw new Error('too many tombstones')
        return counting.count(postId)
      },
    },
    onFailures: (failed) => told.push(...failed.map(({ postId }) => postId)),
  })
  stage.now += ROLL_UP.quietMs
  await roll.tick()
  expect(await stage.one(['GET', keys.counts(post)])).toBe('1:0')
  expect(await stage.one(['ZRANGE', keys.dirtyCounts(), 0, -1])).toEqual([sick])
  for (let seconds = 0; seconds < 120; seconds++) {
    stage.now += 1_000
    await roll.tick()
  }
  expect(tries).toBeGreaterThanOrEqual(7)
  expect(tries).toBeLessThanOrEqual(9)
  expect(told).toEqual(Array.from({ length: tries }, () => sick))
  isSick = false
  stage.now += ROLL_UP.longestRetryMs
  await roll.tick()
  expect(await stage.one(['GET', keys.counts(sick)])).toBe('1:0')
  expect(await stage.one(['ZCARD', keys.dirtyCounts()])).toBe(0)
})

test('a post whose keys are of the wrong kind is recounted, and keeps no other from its counts', async () => {
  const { post: whole, author } = await stage.begin()
  const broken = [newId(), newId(), newId(), newId()]
  const liked = [whole, ...broken]
  for (const post of liked) await stage.like(post, newId(), author)
  await stage.roll.tick()
  const [likes, comments, counts, text] = broken as [Id, Id, Id, Id]
  const breakIt = [keys.likeShard(likes, 0), keys.commentShard(comments, 0), keys.counts(counts)].flatMap((key) => [
    ['DEL', key],
    ['SADD', key, 'what'],
  ])
  await stage.engine.pipeline([...breakIt, ['SET', keys.likeShard(text, 0), 'what']])
  // Redis refuses the tap's move of the first and of the last: their likes stand, and so do those of the others.
  for (const post of liked) expect(await stage.like(post, newId(), author)).toMatchObject({ result: 'added' })
  stage.now += 1_000
  expect(await stage.roll.tick()).toEqual({ rolled: 1, recounted: 4 })
  for (const post of liked) expect(await stage.one(['GET', keys.counts(post)])).toBe('2:0')
  stage.now += 1_000
  for (const post of liked) await stage.like(post, newId(), author)
  expect(await stage.roll.tick()).toEqual({ rolled: 5, recounted: 0 })
  for (const post of liked) expect(await stage.one(['GET', keys.counts(post)])).toBe('3:0')
})

test('recounts that take long are left to the next roll', async () => {
  const { author } = await stage.begin()
  for (let i = 0; i < 3 * ROLL_UP.parallelRecounts; i++) await stage.like(newId(), newId(), author)
  const counting = stage.store()
  const slow = {
    ...counting,
    count(postId: Id) {
      stage.now += ROLL_UP.recountForMs
      return counting.count(postId)
    },
  }
  const needs = { redis: stage.redis, posts: stage.database, clock: () => stage.now, owner: 'test' }
  const roll = createRollUp({ ...needs, store: slow })
  stage.now += ROLL_UP.quietMs
  expect(await roll.tick()).toMatchObject({ recounted: ROLL_UP.parallelRecounts })
  expect(await stage.one(['ZCARD', keys.dirtyCounts()])).toBe(2 * ROLL_UP.parallelRecounts)
})

test('one process rolls at a time, and another takes over when it is gone', async () => {
  const { post, author } = await stage.begin()
  const other = stage.rollUp('other')
  await stage.roll.tick()
  await stage.like(post, newId(), author)
  expect(await other.tick()).toEqual({ rolled: 0, recounted: 0 })
  await stage.engine.pipeline([['DEL', keys.lease('counts')]])
  expect(await other.tick()).toEqual({ rolled: 0, recounted: 1 })
})

test('a like that Redis did not hear of is counted after all, by its event', async () => {
  const { post, author } = await stage.begin()
  stage.isRedisAway = true
  expect(await stage.like(post, newId(), author)).toMatchObject({ result: 'added' })
  stage.isRedisAway = false
  const started = stage.open()
  started.start()
  await eventually(async () => (await stage.one(['ZSCORE', keys.dirtyCounts(), post])) !== null || rowIs(post, 1))
  stage.now += ROLL_UP.quietMs
  // The one under test rolls by itself, this one when asked: either of them may be first.
  await eventually(async () => {
    await stage.roll.tick()
    return rowIs(post, 1)
  })
  await started.close()
})

const rowIs = async (post: Id, likes: number) => (await stage.rowCounts(post)).like_count === likes
