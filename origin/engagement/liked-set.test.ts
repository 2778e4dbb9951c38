import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { strings } from '#core/redis.ts'
import { repairs } from './consumer.ts'
import { likeEvent } from './events.ts'
import { rebuildLiked, reflectLike } from './liked-set.ts'
import { type EngagementStore, type LikeState, likeVersion } from './store.ts'
import { newId, openStage, type Stage } from './testing.ts'

let stage: Stage
let store: EngagementStore
beforeAll(async () => {
  stage = await openStage()
  store = stage.store()
}, 60_000)
afterAll(() => stage.close())

/** A tap as far as the store: its process has the row, and neither Redis nor the log has heard of it. */
const write = (postId: Id, userId: Id, state: LikeState['state'], at: number) =>
  store.setLike({ postId, userId, state, at, version: likeVersion(at, state) })

const eventOf = (postId: Id, userId: Id, row: LikeState) =>
  likeEvent({ postId, userId, authorId: '1' }, row, { traceparent: null, nowMs: row.at })

const likedSet = async (user: Id) => strings(await stage.one(['ZRANGE', keys.liked(user), 0, -1])).sort()

test('a like that stalls on its way to Redis until a newer removal was handled leaves no heart', async () => {
  const { post } = await stage.begin()
  for (const isRemoverKilled of [false, true]) {
    const user = newId()
    await rebuildLiked(stage.redis, store, user, 'a')
    const liked = await write(post, user, 'liked', 1_000)
    const removed = await write(post, user, 'unliked', 2_000)
    if (!isRemoverKilled) await reflectLike(stage.redis, user, post, removed)
    await repairs(stage.redis, store).repair(eventOf(post, user, removed))
    await reflectLike(stage.redis, user, post, liked)
    await repairs(stage.redis, store).repair(eventOf(post, user, liked))
    expect(await likedSet(user)).toEqual(['~'])
  }
})

test('a like that stalls while the set is made by another, after its removal, leaves no heart', async () => {
  const { post } = await stage.begin()
  const user = newId()
  const liked = await write(post, user, 'liked', 1_000)
  await reflectLike(stage.redis, user, post, await write(post, user, 'unliked', 2_000))
  await rebuildLiked(stage.redis, store, user, 'a')
  await reflectLike(stage.redis, user, post, liked)
  expect(await likedSet(user)).toEqual(['~'])
})

test('a removal that stalls until the post was liked again takes nothing away', async () => {
  const { post } = await stage.begin()
  const user = newId()
  await rebuildLiked(stage.redis, store, user, 'a')
  await write(post, user, 'liked', 1_000)
  const removed = await write(post, user, 'unliked', 2_000)
  await reflectLike(stage.redis, user, post, await write(post, user, 'liked', 3_000))
  await reflectLike(stage.redis, user, post, removed)
  await repairs(stage.redis, store).repair(eventOf(post, user, removed))
  expect(await likedSet(user)).toEqual([post, '~'].sort())
})

test('removals are remembered for ten minutes, a thousand at most, beside their person’s other keys', async () => {
  await stage.begin()
  const user = newId()
  const key = keys.unliked(user)
  await stage.engine.pipeline([['ZADD', key, ...Array.from({ length: 1_000 }, (_, i) => [i, `${i}`]).flat()]])
  await reflectLike(stage.redis, user, '5000', { state: 'unliked', at: 0, version: likeVersion(5_000, 'unliked') })
  expect(await stage.one(['ZCARD', key])).toBe(1_000)
  expect(await stage.one(['ZSCORE', key, '5000'])).toBe('5000')
  expect(await stage.one(['TTL', key])).toBeGreaterThan(590)
  expect(key).toContain(`{${user}}`)
})

/** What becomes of one tap: how many steps later its process gets on to Redis, and its event comes, perhaps again. */
const tap = fc.record({
  post: fc.nat(2),
  state: fc.constantFrom('liked' as const, 'unliked' as const),
  at: fc.integer({ min: 1, max: 12 }),
  reflected: fc.option(fc.nat(12)),
  events: fc.array(fc.nat(12), { minLength: 1, maxLength: 2 }),
})
/** Where rebuilds and losses of the whole set fall. */
const places = fc.array(fc.nat(12), { maxLength: 3 })
/** Of each look into the store: how many other steps happen before its reader gets on. */
const stalls = fc.array(fc.nat(3), { maxLength: 12 })

test('likes, removals, rebuilds and repeated events in any order end in what the newest taps say', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(tap, { minLength: 1, maxLength: 10 }), places, places, stalls, async (...schedule) => {
      const [taps, rebuilds, losses, waits] = schedule
      await stage.begin()
      const user = newId()
      const posts = [newId(), newId(), newId()]
      const steps: { when: number; run(): Promise<unknown> }[] = []
      const stalling = slow(store, waits, () => steps.shift()?.run())
      const later = (when: number, run: () => Promise<unknown>) => {
        const next = steps.findIndex((step) => step.when > when)
        steps.splice(next < 0 ? steps.length : next, 0, { when, run })
      }
      const rebuild = () => rebuildLiked(stage.redis, stalling, user, newId())
      taps.forEach(({ post: n, state, at, reflected, events }, i) => {
        const post = posts[n]!
        later(i, async () => {
          const row = await write(post, user, state, at)
          if (reflected !== null) later(i + reflected, () => reflectLike(stage.redis, user, post, row))
          for (const wait of events)
            later(i + wait, () => repairs(stage.redis, stalling).repair(eventOf(post, user, row)))
        })
      })
      for (const when of rebuilds) later(when, rebuild)
      for (const when of losses) later(when, () => stage.one(['DEL', keys.liked(user)]))
      await rebuild()
      for (let step = steps.shift(); step !== undefined; step = steps.shift()) await step.run()

      const newest = posts.filter((_, n) => {
        const last = taps.filter(({ post }) => post === n).sort((a, b) => version(a) - version(b))
        return last.at(-1)?.state === 'liked'
      })
      const [standing] = await stage.engine.pipeline([['ZSCORE', keys.liked(user), '~']])
      if (standing !== null) expect(await likedSet(user)).toEqual([...newest, '~'].sort())
      await rebuild()
      expect(await likedSet(user)).toEqual([...newest, '~'].sort())
    }),
    { numRuns: 100 },
  )
})

const version = ({ at, state }: { at: number; state: LikeState['state'] }) => likeVersion(at, state)

/** A store whose readers are overtaken by what else happens. */
function slow(inner: EngagementStore, waits: readonly number[], step: () => Promise<unknown> | undefined) {
  const left = [...waits]
  const stall = async <T>(answer: T): Promise<T> => {
    for (let n = left.shift() ?? 0; n > 0; n--) await step()
    return answer
  }
  return {
    ...inner,
    likesBy: async (userId: Id, limit: number) => stall(await inner.likesBy(userId, limit)),
    likeOf: async (postId: Id, userId: Id) => stall(await inner.likeOf(postId, userId)),
  }
}
