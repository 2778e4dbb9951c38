/** What every engagement store must do; a new engine joins by a line in engagement-engines.ts. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createIdFactory } from '#core/ids.ts'
import type { EngagementStore, LikeState } from '../../origin/engagement/index.ts'
import { likeVersion } from '../../origin/engagement/index.ts'
import { type EngagementEngine, engagementEngines } from './engagement-engines.ts'

const ids = createIdFactory(Date.now, Math.random)
const newId = () => ids.next(7)

/** One whole walk over all likes, so many at a time. */
async function walk(store: EngagementStore, limit: number) {
  const total = { checked: 0, portions: 0, repaired: [] as { userId: string; postId: string }[] }
  let after: { userId: string; postId: string } | null = null
  do {
    const { next, checked, repaired } = await store.reconcileLikes(after, limit)
    total.checked += checked
    total.repaired.push(...repaired)
    total.portions++
    after = next
  } while (after !== null)
  return total
}

describe.each(engagementEngines())('engagement on $name', ({ start, absent }) => {
  if (start === null) {
    test.skip(absent, () => {})
    return
  }
  let engine: EngagementEngine
  let store: EngagementStore
  beforeAll(async () => {
    engine = await start()
    store = engine.store
  })
  afterAll(() => engine.close())

  const set = (postId: string, userId: string, state: LikeState['state'], at: number) =>
    store.setLike({ postId, userId, state, at, version: likeVersion(at, state) })

  test('a like changes once, however often it comes', async () => {
    const [post, user] = [newId(), newId()]
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => set(post, user, 'liked', 1_000)))
    expect(outcomes.filter((outcome) => outcome.changed)).toHaveLength(1)
    expect(await store.count(post)).toEqual({ likes: 1, comments: 0 })
  })

  test('of twenty racing taps of one person, some of them removals, the newest stands and is counted once', async () => {
    const [post, user] = [newId(), newId()]
    const taps = Array.from(
      { length: 20 },
      (_, i) => ({ state: i % 3 === 0 ? 'unliked' : 'liked', at: 1_000 + i }) as const,
    )
    const outcomes = await Promise.all(taps.map((tap) => set(post, user, tap.state, tap.at)))
    const counted = outcomes.reduce(
      (sum, { changed }, i) => sum + (changed ? (taps[i]?.state === 'liked' ? 1 : -1) : 0),
      0,
    )
    expect(counted).toBe(1)
    expect(await store.likeOf(post, user)).toMatchObject({ state: 'liked', version: likeVersion(1_019, 'liked') })
    expect(await store.count(post)).toEqual({ likes: 1, comments: 0 })
    expect(await store.likers(post, 10, null)).toHaveLength(1)
  })

  test('a like given again after it was taken back stands once, at its new instant', async () => {
    const [post, user] = [newId(), newId()]
    await set(post, user, 'liked', 1_000)
    await set(post, user, 'unliked', 2_000)
    expect(await set(post, user, 'liked', 3_000)).toMatchObject({ changed: true, at: 3_000 })
    expect(await store.likers(post, 10, null)).toEqual([{ userId: user, at: 3_000 }])
    expect(await set(post, user, 'unliked', 4_000)).toMatchObject({ changed: true, state: 'unliked', at: 4_000 })
    expect(await store.likers(post, 10, null)).toEqual([])
    expect((await store.count(post)).likes).toBe(0)
  })

  test('a double tap keeps the first instant but outlives a removal between the taps', async () => {
    const [post, user] = [newId(), newId()]
    await set(post, user, 'liked', 1_000)
    expect(await set(post, user, 'liked', 3_000)).toMatchObject({ changed: false, at: 1_000 })
    expect(await set(post, user, 'unliked', 2_000)).toMatchObject({ changed: false, state: 'liked' })
  })

  test('a removal that overtakes its like leaves a tombstone', async () => {
    const [post, user] = [newId(), newId()]
    expect(await set(post, user, 'unliked', 2_000)).toMatchObject({ changed: false, state: 'unliked' })
    expect(await set(post, user, 'liked', 1_000)).toMatchObject({ changed: false, state: 'unliked' })
    expect(await store.likers(post, 10, null)).toEqual([])
    expect(await set(post, user, 'liked', 3_000)).toMatchObject({ changed: true, at: 3_000 })
  })

  test('within one millisecond the removal wins, in either order', async () => {
    for (const order of [['liked', 'unliked'] as const, ['unliked', 'liked'] as const]) {
      const [post, user] = [newId(), newId()]
      for (const state of order) await set(post, user, state, 5_000)
      expect((await store.likeOf(post, user))?.state).toBe('unliked')
    }
  })

  test('any schedule of likes and removals, with repetitions, disorder and races, ends in the newest and counts right', async () => {
    const tap = fc.record({
      user: fc.integer({ min: 0, max: 2 }),
      state: fc.constantFrom('liked' as const, 'unliked' as const),
      at: fc.integer({ min: 1, max: 12 }),
    })
    const schedule = fc.array(tap, { minLength: 1, maxLength: 14 }).chain((taps) =>
      fc.record({
        // Each tap at least once, some twice, in any order, cut into bursts that race.
        deliveries: fc
          .shuffledSubarray([...taps, ...taps], { minLength: taps.length })
          .map((some) => [...some, ...taps]),
        burst: fc.integer({ min: 1, max: 5 }),
      }),
    )
    await fc.assert(
      fc.asyncProperty(schedule, async ({ deliveries, burst }) => {
        const post = newId()
        const users = [newId(), newId(), newId()]
        const counted = [0, 0, 0]
        for (let i = 0; i < deliveries.length; i += burst) {
          const racing = deliveries.slice(i, i + burst)
          const outcomes = await Promise.all(racing.map((t) => set(post, users[t.user]!, t.state, t.at)))
          outcomes.forEach((outcome, j) => {
            if (outcome.changed) counted[racing[j]!.user]! += racing[j]!.state === 'liked' ? 1 : -1
          })
        }
        for (const [i, user] of users.entries()) {
          const newest = deliveries
            .filter((t) => t.user === i)
            .reduce<(typeof deliveries)[number] | null>(
              (best, t) => (best === null || likeVersion(t.at, t.state) > likeVersion(best.at, best.state) ? t : best),
              null,
            )
          const isLiked = newest?.state === 'liked'
          expect((await store.likeOf(post, user))?.state === 'liked').toBe(isLiked)
          expect(counted[i]).toBe(isLiked ? 1 : 0)
        }
        expect((await store.count(post)).likes).toBe(counted.reduce((sum, n) => sum + n, 0))
      }),
      { numRuns: 40 },
    )
  })

  test('likers come newest first, page by page, each once', async () => {
    const post = newId()
    // Pairs share an instant.
    const people = Array.from({ length: 7 }, (_, i) => ({ userId: newId(), at: 1_000 + Math.floor(i / 2) }))
    for (const { userId, at } of people) await set(post, userId, 'liked', at)
    const walked = []
    for (let after = null as { userId: string; at: number } | null; ; ) {
      const page = await store.likers(post, 2, after)
      if (page.length === 0) break
      walked.push(...page)
      after = page.at(-1)!
    }
    const byUser = (a: string, b: string) => (BigInt(a) < BigInt(b) ? -1 : 1)
    expect(walked).toEqual([...people].sort((a, b) => b.at - a.at || byUser(a.userId, b.userId)))
  })

  test('a page that ends with the last liker is followed by an empty one', async () => {
    const post = newId()
    for (let i = 0; i < 6; i++) await set(post, newId(), 'liked', 1_000 + i)
    const pages = []
    for (let after = null as { userId: string; at: number } | null; pages.length < 4; ) {
      const page = await store.likers(post, 3, after)
      pages.push(page.length)
      after = page.at(-1) ?? after
    }
    expect(pages).toEqual([3, 3, 0, 0])
  })

  test('a walk through the likers meets each who stood throughout exactly once, while others come and go', async () => {
    const post = newId()
    const standing = Array.from({ length: 30 }, (_, i) => ({ userId: newId(), at: 10_000 + i * 10 }))
    const leaving = Array.from({ length: 10 }, (_, i) => ({ userId: newId(), at: 10_005 + i * 30 }))
    await Promise.all([...standing, ...leaving].map(({ userId, at }) => set(post, userId, 'liked', at)))
    const met: string[] = []
    for (let after = null as { userId: string; at: number } | null, i = 0; ; i++) {
      const page = await store.likers(post, 4, after)
      if (page.length === 0) break
      met.push(...page.map(({ userId }) => userId))
      after = page.at(-1)!
      const gone = leaving[i]
      await Promise.all([
        set(post, newId(), 'liked', 20_000 + i),
        set(post, newId(), 'liked', 10_001 + i),
        ...(gone === undefined ? [] : [set(post, gone.userId, 'unliked', 30_000)]),
      ])
    }
    expect(new Set(met).size).toBe(met.length)
    const wanted = standing.map(({ userId }) => userId)
    expect(met.filter((userId) => wanted.includes(userId))).toEqual(wanted.reverse())
  })

  test('a person is told which of some posts they like, and all of them newest first', async () => {
    const user = newId()
    const [a, b, c] = [newId(), newId(), newId()]
    await set(a, user, 'liked', 1_000)
    await set(b, user, 'liked', 2_000)
    await set(b, user, 'unliked', 2_500)
    await set(c, user, 'liked', 3_000)
    expect((await store.likedAmong(user, [a, b, newId()])).sort()).toEqual([a])
    expect(await store.likesBy(user, 10)).toEqual([
      { postId: c, at: 3_000 },
      { postId: a, at: 1_000 },
    ])
    expect(await store.likesBy(user, 1)).toHaveLength(1)
  })

  test('a walk that reconciles reaches its end in portions, and finds nothing to do where nothing was cut off', async () => {
    const [post, users] = [newId(), Array.from({ length: 7 }, newId)]
    for (const [i, user] of users.entries()) {
      await set(post, user, 'liked', 1_000 + i)
      if (i % 3 === 0) await set(post, user, 'unliked', 2_000)
    }
    const { checked, repaired, portions } = await walk(store, 3)
    expect(repaired).toEqual([])
    // Some engines keep a like in one place, and need not look.
    if (checked > 0) expect(checked).toBeGreaterThanOrEqual(users.length)
    expect(portions).toBeGreaterThanOrEqual(Math.floor(checked / 3))
    expect((await store.count(post)).likes).toBe(4)
  })

  test('the first share counts', async () => {
    const [post, user] = [newId(), newId()]
    expect(await store.share({ postId: post, userId: user, at: 1_000 })).toEqual({ added: true, at: 1_000 })
    expect(await store.share({ postId: post, userId: user, at: 2_000 })).toEqual({ added: false, at: 1_000 })
  })

  test('what was acknowledged is there for the next process, and a repetition changes nothing', async () => {
    const [post, user] = [newId(), newId()]
    await set(post, user, 'liked', 1_000)
    const { comment } = await store.addComment({
      ...{ postId: post, commentId: newId(), parentId: null },
      ...{ userId: user, body: 'hello', createdMs: 1_000 },
    })
    await store.share({ postId: post, userId: user, at: 1_000 })
    const next = await engine.another()
    const like = {
      postId: post,
      userId: user,
      state: 'liked' as const,
      at: 1_000,
      version: likeVersion(1_000, 'liked'),
    }
    expect(await next.setLike(like)).toMatchObject({ changed: false, state: 'liked', at: 1_000 })
    expect(await next.addComment(comment)).toEqual({ added: false, comment })
    expect(await next.share({ postId: post, userId: user, at: 2_000 })).toEqual({ added: false, at: 1_000 })
    expect(await next.count(post)).toEqual({ likes: 1, comments: 1 })
  })
})
