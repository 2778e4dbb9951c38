import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { encodeFeedCursor } from '#core/feed/index.ts'
import { compareIds, type Id, idMs } from '#core/ids.ts'
import { keys, MARK } from '#core/keys.ts'
import { raiseFloor } from '#core/timeline/index.ts'
import { person } from '../testing.ts'
import { FeedIsolate } from './isolate.ts'
import type { FeedPage } from './serve.ts'
import {
  awayDb,
  awayRedis,
  celebrity,
  db,
  follows,
  hideFrom,
  portsFor,
  posts,
  redis,
  serve,
  shown,
  walk,
  warmUp,
} from './testing.ts'

const newestFirst = (ids: readonly Id[]) => [...ids].sort((a, b) => compareIds(b, a))
const walked = (pages: readonly FeedPage[]) => pages.flatMap(shown)

/** A reader of two authors and a celebrity, with 260 posts: two windows and a half. */
async function longFeed() {
  const [reader, ann, bob, star] = [await person(), await person(), await person(), await person()]
  const authored = [await posts(ann.id, 110), await posts(bob.id, 90), await posts(star.id, 60)]
  await celebrity(star.id)
  await follows(reader.id, ann.id, bob.id, star.id)
  return { reader, ann, bob, star, all: newestFirst(authored.flat()) }
}

/** An isolate whose slate and trends are the test's own: no read within the minute replaces them. */
function ownIsolate(): FeedIsolate {
  const isolate = new FeedIsolate()
  isolate.sharedDue(Date.now())
  return isolate
}

describe('a walk through all pages', () => {
  it.each(['ranked', 'following'] as const)(
    'shows every post exactly once, over the floor into Postgres (%s)',
    async (mode) => {
      const [{ reader, all }, isolate] = [await longFeed(), new FeedIsolate()]
      await warmUp(reader.id, isolate)
      // What was pushed reaches down to the 150th post only.
      await redis.pipeline([
        raiseFloor(reader.id, idMs(all[150] ?? '0')),
        ['ZREMRANGEBYSCORE', keys.timeline(reader.id), 1, `(${idMs(all[150] ?? '0')}`],
      ])
      const pages = await walk(reader.id, () => portsFor({ isolate }), { mode, limit: 30 })
      expect(newestFirst(walked(pages))).toEqual(all)
      if (mode === 'following') expect(walked(pages)).toEqual(all)
      expect(pages.slice(0, -1).every((page) => page.items.length === 30)).toBe(true)
    },
  )

  it('shows every post once also when the timeline is cold, then marked, then cold again', async () => {
    const { reader, all } = await longFeed()
    const isolate = new FeedIsolate()
    const between = async (page: number) => {
      if (page % 2 === 0) await redis.pipeline([['ZREM', keys.timeline(reader.id), MARK]])
    }
    const pages = await walk(reader.id, () => portsFor({ isolate }), { mode: 'following', limit: 25, between })
    expect(walked(pages)).toEqual(all)
  })

  it('shows every post once when Redis goes away between pages, and comes back', async () => {
    const { reader, all } = await longFeed()
    const isolate = new FeedIsolate()
    const make = (page: number) => portsFor(page % 2 === 1 ? { isolate, redis: awayRedis } : { isolate })
    expect(newestFirst(walked(await walk(reader.id, make, { limit: 40 })))).toEqual(all)
  })

  it.each([1, 100])('works with %i posts a page', async (limit) => {
    const [reader, ann] = [await person(), await person()]
    const all = await posts(ann.id, limit === 1 ? 7 : 230)
    await follows(reader.id, ann.id)
    const isolate = new FeedIsolate()
    const pages = await walk(reader.id, () => portsFor({ isolate }), { limit })
    expect(newestFirst(walked(pages))).toEqual(all)
    expect(pages[0]?.items).toHaveLength(limit)
  })

  it('keeps what arrives later out of the pages that were frozen', async () => {
    const [reader, ann, isolate] = [await person(), await person(), new FeedIsolate()]
    const all = await posts(ann.id, 130)
    await follows(reader.id, ann.id)
    await warmUp(reader.id, isolate)
    const between = async () => {
      const [late = ''] = await posts(ann.id, 1)
      await redis.pipeline([['ZADD', keys.timeline(reader.id), idMs(late), late]])
    }
    const pages = await walk(reader.id, () => portsFor({ isolate }), { limit: 40, between })
    expect(newestFirst(walked(pages))).toEqual(all)
  })

  it('shows a recommended post of a followed author once, and a sponsored one too', async () => {
    const [reader, ann, isolate] = [await person(), await person(), ownIsolate()]
    const all = await posts(ann.id, 130)
    await follows(reader.id, ann.id)
    const [recommended = '', sponsored = '', inWindow = ''] = [all[120], all[125], all[20]]
    await redis.pipeline([['ZADD', keys.rec(reader.id), 1, `${recommended}:recommended`]])
    const ad = { authorId: ann.id, bidCents: 10, perPersonPerDay: 3, hashtags: [] }
    isolate.slate = [
      { ...ad, campaignId: '1', postId: sponsored },
      { ...ad, campaignId: '2', postId: inWindow },
    ]
    const pages = await walk(reader.id, () => portsFor({ isolate }), { limit: 50 })
    expect(newestFirst(walked(pages))).toEqual(all)
    const reasons = new Map(pages.flatMap((page) => page.items).map((item) => [item.post.id, item.candidate.reason]))
    expect([recommended, sponsored, inWindow].map((id) => reasons.get(id))).toEqual([
      'recommended',
      'sponsored',
      'follow',
    ])
  })

  it('ends for who follows nobody: what is trending, then nothing', async () => {
    const [reader, stranger, isolate] = [await person(), await person(), ownIsolate()]
    const trending = await posts(stranger.id, 15)
    isolate.trending = trending.map((id, i) => ({ id, score: 100 - i }))
    const pages = await walk(reader.id, () => portsFor({ isolate }), { limit: 4 })
    expect(newestFirst(walked(pages))).toEqual(trending)
    expect(pages.flatMap((page) => page.items).every((item) => item.candidate.reason === 'trending')).toBe(true)
    expect(pages).toHaveLength(4)
    const following = await walk(reader.id, () => portsFor({ isolate }), { mode: 'following' })
    expect(following.map((page) => page.items.length)).toEqual([0])
  })
})

describe('a page', () => {
  it('that the rules empty is filled by reading on', async () => {
    const [reader, ann, bob, isolate] = [await person(), await person(), await person(), new FeedIsolate()]
    await posts(ann.id, 120)
    const older = await posts(bob.id, 30, { from: 200 })
    await follows(reader.id, ann.id, bob.id)
    await warmUp(reader.id, isolate)
    await hideFrom(reader.id, ann.id)
    const page = await serve(reader.id, portsFor({ isolate }), { limit: 10 })
    expect(shown(page)).toEqual(older.slice(0, 10))
    const pages = await walk(reader.id, () => portsFor({ isolate }), { limit: 10 })
    expect(walked(pages)).toEqual(older)
  })

  it('holds a block that was made since the page before', async () => {
    const [{ reader, ann, bob, star }, isolate] = [await longFeed(), new FeedIsolate()]
    await warmUp(reader.id, isolate)
    const first = await serve(reader.id, portsFor({ isolate }), { limit: 30 })
    await hideFrom(reader.id, ann.id, 'b')
    const second = await serve(reader.id, portsFor({ isolate }), { limit: 30, cursor: first.cursor })
    expect(second.items).toHaveLength(30)
    const authors = new Set(second.items.map((item) => item.post.authorId))
    expect([authors.has(ann.id), authors.has(bob.id) || authors.has(star.id)]).toEqual([false, true])
  })

  it.each(['own', 'follow', 'celebrity', 'recommended'] as const)(
    'shows nothing of a private account to a stranger whose cursor says %s',
    async (reason) => {
      const [stranger, follower, hermit] = [await person(), await person(), await person({ isPrivate: true })]
      const [secret = ''] = await posts(hermit.id, 1)
      await follows(follower.id, hermit.id)
      const forged = encodeFeedCursor({
        mode: 'ranked',
        rest: [{ id: secret, reason, relevance: 0 }],
        bottom: '0',
        shown: [],
        served: 0,
        isBeyond: true,
      })
      expect((await serve(stranger.id, portsFor(), { cursor: forged })).items).toEqual([])
      const ports = portsFor({ isolate: new FeedIsolate() })
      const expected = reason === 'recommended' ? [] : [secret]
      expect(shown(await serve(follower.id, ports, { cursor: forged }))).toEqual(expected)
    },
  )

  it('shows nothing of a private account while nobody can say who follows it', async () => {
    const [follower, hermit, isolate] = [await person(), await person({ isPrivate: true }), new FeedIsolate()]
    const [secret = ''] = await posts(hermit.id, 1)
    await follows(follower.id, hermit.id)
    await warmUp(follower.id, isolate)
    const rest = [{ id: secret, reason: 'follow' as const, relevance: 0 }]
    const cursor = encodeFeedCursor({ mode: 'ranked', rest, bottom: '0', shown: [], served: 0, isBeyond: true })
    const ports = portsFor({ isolate, db: awayDb })
    expect((await serve(follower.id, ports, { cursor })).items).toEqual([])
    expect(ports.degradedBy).toEqual(['postgres'])
  })

  it('refuses a cursor that is none of ours', async () => {
    const reader = await person()
    for (const cursor of ['nonsense', btoa('["feed",1]'), btoa('["posts","1"]')]) {
      await expect(serve(reader.id, portsFor(), { cursor })).rejects.toMatchObject({ status: 400 })
    }
  })
})

describe('sponsored posts', () => {
  async function readerWithSlate(campaigns: number, options: { hashtags?: string[] } = {}) {
    const [reader, ann, brand, isolate] = [await person(), await person(), await person(), ownIsolate()]
    await posts(ann.id, 40, { hashtags: ['boats'] })
    await follows(reader.id, ann.id)
    const ads = await posts(brand.id, campaigns)
    isolate.slate = ads.map((postId, i) => ({
      campaignId: `c${i}`,
      postId,
      authorId: brand.id,
      bidCents: 100 - i,
      perPersonPerDay: 2,
      hashtags: i === campaigns - 1 ? (options.hashtags ?? []) : [],
    }))
    return { reader, brand, isolate, ads }
  }
  const slots = (page: FeedPage) =>
    page.items.flatMap((item, i) => (item.candidate.reason === 'sponsored' ? [[i, item.post.id]] : []))

  it('stand in their slots, highest bid first, on a ranked page only', async () => {
    const { reader, isolate, ads } = await readerWithSlate(3)
    const page = await serve(reader.id, portsFor({ isolate }))
    expect(slots(page)).toEqual([
      [4, ads[0]],
      [16, ads[1]],
      [28, ads[2]],
    ])
    expect(slots(await serve(reader.id, portsFor({ isolate }), { mode: 'following' }))).toEqual([])
  })

  it('count towards the limit; what they push out begins the next page', async () => {
    const { reader, isolate } = await readerWithSlate(3)
    const first = await serve(reader.id, portsFor({ isolate }), { limit: 20 })
    expect(first.items).toHaveLength(20)
    expect(slots(first)).toHaveLength(2)
    const second = await serve(reader.id, portsFor({ isolate }), { limit: 100, cursor: first.cursor })
    const organic = [first, second].flatMap((page) => page.items.filter((i) => i.candidate.reason !== 'sponsored'))
    expect(new Set(organic.map((item) => item.post.id)).size).toBe(40)
    expect(organic).toHaveLength(40)
  })

  it('come first when they fit the page', async () => {
    const { reader, isolate, ads } = await readerWithSlate(30, { hashtags: ['boats'] })
    expect(slots(await serve(reader.id, portsFor({ isolate })))[0]).toEqual([4, ads[29]])
  })

  it('are not shown oftener a day than the campaign allows', async () => {
    const { reader, isolate, ads } = await readerWithSlate(2)
    await redis.pipeline([['HSET', keys.adcap(reader.id), 'c0', 2, 'c1', 1]])
    expect(slots(await serve(reader.id, portsFor({ isolate })))).toEqual([[4, ads[1]]])
  })

  it('are left out while impressions cannot be counted', async () => {
    const { reader, isolate } = await readerWithSlate(2)
    const page = await serve(reader.id, portsFor({ isolate, redis: awayRedis }))
    expect(page.items.length).toBe(40)
    expect(slots(page)).toEqual([])
  })

  it('obey the rules: muted advertisers and deleted posts are not shown', async () => {
    const { reader, brand, isolate, ads } = await readerWithSlate(2)
    await warmUp(reader.id, isolate)
    await db.query(sql`UPDATE posts SET deleted_at = now() WHERE post_id = ${ads[0] ?? ''}::bigint`)
    isolate.posts.delete(ads[0] ?? '')
    await redis.pipeline([['DEL', keys.post(ads[0] ?? '')]])
    expect(slots(await serve(reader.id, portsFor({ isolate })))).toEqual([[4, ads[1]]])
    await hideFrom(reader.id, brand.id)
    expect(slots(await serve(reader.id, portsFor({ isolate })))).toEqual([])
  })
})
