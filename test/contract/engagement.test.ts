/** What every engagement store must do; a new engine joins by a line in engagement-engines.ts. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createIdFactory } from '#core/ids.ts'
import type { EngagementStore, LikeState } from '../../origin/engagement/index.ts'
import { likeVersion } from '../../origin/engagement/index.ts'
import { type EngagementEngine, engagementEngines } from './engagement-engines.ts'

const ids = createIdFactory(Date.now, Math.random)
const newId = () => ids.next(7)

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

  const say = (postId: string, over: { commentId?: string; parentId?: string; userId?: string; body?: string } = {}) =>
    store.addComment({
      postId,
      commentId: newId(),
      parentId: null,
      userId: '1',
      body: 'hello',
      createdMs: 1_000,
      ...over,
    })

  test('a comment is added once under its id', async () => {
    const [post, commentId] = [newId(), newId()]
    expect(await say(post, { commentId })).toMatchObject({ added: true, comment: { body: 'hello', createdMs: 1_000 } })
    expect(await say(post, { commentId, userId: '2', body: 'other' })).toMatchObject({
      added: false,
      comment: { userId: '1', body: 'hello' },
    })
    expect((await store.count(post)).comments).toBe(1)
  })

  test('what people write is kept to the letter, to the longest comment', async () => {
    const post = newId()
    const bodies = [
      '日本語 🌊🏽 مرحبا e\u0301 \u200f\n\t"\\',
      '🌊'.repeat(1_100),
      'x'.repeat(2_200),
      '\u00e9'.repeat(2_200),
    ]
    for (const body of bodies) {
      const { comment } = await say(post, { body })
      expect((await store.comment(post, comment.commentId))?.body).toBe(body)
    }
    expect((await store.topComments(post, 10, null)).map(({ body }) => body)).toEqual(bodies.reverse())
  })

  test('an edit holds if it is newer than the last one; a deleted comment stays as it is', async () => {
    const post = newId()
    const { commentId } = (await say(post)).comment
    const edit = (body: string, at: number) => store.editComment({ postId: post, commentId, body, at })
    expect(await edit('second', 5_000)).toMatchObject({
      changed: true,
      comment: { body: 'second', editedMs: 5_000, version: 2, createdMs: 1_000 },
    })
    expect(await edit('late', 4_000)).toMatchObject({ changed: false, comment: { body: 'second', editedMs: 5_000 } })
    expect(await edit('second', 5_000)).toMatchObject({ changed: false, comment: { version: 2 } })
    const racing = await Promise.all([6_000, 7_000, 8_000, 9_000].map((at) => edit(`at ${at}`, at)))
    expect(racing.some((outcome) => outcome?.changed)).toBe(true)
    expect(await store.comment(post, commentId)).toMatchObject({ body: 'at 9000', editedMs: 9_000 })
    await store.removeComment(post, commentId)
    expect(await edit('risen', 10_000)).toMatchObject({ changed: false, comment: { deleted: true, body: '' } })
    expect(await store.editComment({ postId: post, commentId: newId(), body: 'x', at: 1 })).toBeNull()
    expect((await store.count(post)).comments).toBe(0)
  })

  test('a walk through the comments passes over what is gone and loses nothing while others write', async () => {
    const post = newId()
    const top: string[] = []
    for (let i = 0; i < 12; i++) top.unshift((await say(post)).comment.commentId)
    const parent = top[11]!
    const replies: string[] = []
    for (let i = 0; i < 12; i++) replies.push((await say(post, { parentId: parent })).comment.commentId)
    for (const gone of [top[0]!, top[3]!, top[4]!, top[5]!, replies[2]!, replies[3]!, replies[11]!]) {
      await store.removeComment(post, gone)
    }
    const walk = async (read: (after: string | null) => Promise<{ commentId: string }[]>) => {
      const met: string[] = []
      for (let after = null as string | null; ; ) {
        const page = await read(after)
        if (page.length === 0) return met
        met.push(...page.map(({ commentId }) => commentId))
        after = met.at(-1)!
        await say(post)
      }
    }
    expect(await walk((before) => store.topComments(post, 2, before))).toEqual(
      top.filter((_, i) => ![0, 3, 4, 5].includes(i)),
    )
    expect(await walk((after) => store.replies(post, parent, 3, after))).toEqual(
      replies.filter((_, i) => ![2, 3, 11].includes(i)),
    )
  })

  test('comments come newest first, replies oldest first, page by page', async () => {
    const post = newId()
    const top = []
    for (let i = 0; i < 3; i++) top.unshift((await say(post)).comment.commentId)
    const replies = []
    for (let i = 0; i < 3; i++) replies.push((await say(post, { parentId: top[0]! })).comment.commentId)
    const idsOf = (comments: { commentId: string }[]) => comments.map((comment) => comment.commentId)
    expect(idsOf(await store.topComments(post, 2, null))).toEqual(top.slice(0, 2))
    expect(idsOf(await store.topComments(post, 2, top[1]!))).toEqual(top.slice(2))
    expect(idsOf(await store.replies(post, top[0]!, 2, null))).toEqual(replies.slice(0, 2))
    expect(idsOf(await store.replies(post, top[0]!, 2, replies[1]!))).toEqual(replies.slice(2))
  })

  test('a deleted comment loses its text, is deleted once, and stands only under a reply', async () => {
    const post = newId()
    const { comment } = await say(post)
    const { comment: reply } = await say(post, { parentId: comment.commentId })
    const deletions = await Promise.all([
      store.removeComment(post, comment.commentId),
      store.removeComment(post, comment.commentId),
    ])
    expect(deletions.filter((deletion) => deletion.changed)).toHaveLength(1)
    expect(await store.topComments(post, 10, null)).toMatchObject([{ deleted: true, body: '' }])
    await store.removeComment(post, reply.commentId)
    expect(await store.topComments(post, 10, null)).toEqual([])
    expect((await store.count(post)).comments).toBe(0)
    expect(await store.removeComment(post, newId())).toEqual({ changed: false })
  })

  test('the first share counts', async () => {
    const [post, user] = [newId(), newId()]
    expect(await store.share({ postId: post, userId: user, at: 1_000 })).toEqual({ added: true, at: 1_000 })
    expect(await store.share({ postId: post, userId: user, at: 2_000 })).toEqual({ added: false, at: 1_000 })
  })

  test('what was acknowledged is there for the next process, and a repetition changes nothing', async () => {
    const [post, user] = [newId(), newId()]
    await set(post, user, 'liked', 1_000)
    const { comment } = await say(post, { userId: user })
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
