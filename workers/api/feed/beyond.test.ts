import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addSeen, emptySeen, formatSeen, pageRenderer, SEEN_ROTATE_MS } from '#core/feed/index.ts'
import { compareIds, type Id } from '#core/ids.ts'
import { keys, SENTINEL } from '#core/keys.ts'
import { person } from '../testing.ts'
import { FeedIsolate } from './isolate.ts'
import { type FeedPage, feedTag } from './serve.ts'
import {
  awayDb,
  awayRedis,
  type Counted,
  follows,
  hideFrom,
  ownTrendList,
  portsFor,
  posts,
  reasons,
  redis,
  serve,
  shown,
  walk,
  warmUp,
} from './testing.ts'

const sorted = (ids: readonly Id[]) => [...ids].sort(compareIds)
const walked = (pages: readonly FeedPage[]) => pages.flatMap(shown)

async function ownTrends(first: readonly Id[], fillers: readonly Id[] = []) {
  const own = ownTrendList()
  const trend = (ids: readonly Id[]) =>
    own.trend([...ids.map((id, i) => [id, ids.length - i] as const), ...fillers.map((id) => [id, 0] as const)])
  await trend(first)
  return {
    trend,
    ports: (choices: Parameters<typeof portsFor>[0] = {}): Counted => portsFor({ redis: own.redis, ...choices }),
  }
}

const recommend = (reader: Id, ids: readonly Id[]) =>
  redis.pipeline([
    ['ZADD', keys.rec(reader), 0, SENTINEL, ...ids.flatMap((id, i) => [1 - i / 1_000, `${id}:recommended`])],
  ])

describe('after the last followed post', () => {
  it('who follows nobody scrolls through all that is trending, whatever trends meanwhile, each post once', async () => {
    const [reader, stranger, isolate] = [await person(), await person(), new FeedIsolate()]
    const trending = await posts(stranger.id, 130)
    const { trend, ports } = await ownTrends(trending)
    const later = await posts(stranger.id, 20)
    const between = (page: number) => trend([...later, ...trending.slice(page * 10), ...trending.slice(0, page * 10)])
    const pages = await walk(reader.id, () => ports({ isolate }), { limit: 24, between })
    expect(sorted(walked(pages))).toEqual(sorted(trending))
    expect(pages.slice(0, 5).map((page) => page.items.length)).toEqual([24, 24, 24, 24, 24])
    expect(new Set(pages.flatMap(reasons))).toEqual(new Set(['trending']))
  })

  it('a page that has the same posts and is no longer the last has another tag', async () => {
    const [reader, stranger] = [await person(), await person()]
    const trending = await posts(stranger.id, 11)
    const { trend, ports } = await ownTrends(trending.slice(0, 10))
    const first = () => serve(reader.id, ports({ isolate: new FeedIsolate() }), { limit: 10 })
    const last = await first()
    await trend(trending)
    const onwards = await first()
    expect(shown(onwards)).toEqual(shown(last))
    expect([last.cursor === null, onwards.cursor === null]).toEqual([true, false])
    expect(feedTag(onwards)).not.toBe(feedTag(last))
    expect(feedTag(await first())).toBe(feedTag(onwards))
  })

  it('the newest posts, which fill up what trends, come last of all, and say no more than is true', async () => {
    const [reader, ann, stranger] = [await person(), await person(), await person()]
    await follows(reader.id, ann.id)
    const [followed, trending] = [await posts(ann.id, 12), await posts(stranger.id, 20)]
    const { ports } = await ownTrends(trending.slice(0, 5), trending.slice(5))
    const isolate = new FeedIsolate()
    const pages = await walk(reader.id, () => ports({ isolate }), { limit: 17 })
    expect(sorted(shown(pages[0] as FeedPage))).toEqual(sorted([...followed, ...trending.slice(0, 5)]))
    expect(sorted(walked(pages.slice(1)))).toEqual(sorted(trending.slice(5)))
    const { items } = JSON.parse(pageRenderer(pages[1]?.items ?? [], { liked: new Set() }, null)())
    expect(items[0]).toMatchObject({ reason: 'trending', why: expect.stringContaining('or among the newest') })
  })

  it('nobody stands in it more than twice in a row while somebody else is left', async () => {
    const [reader, ann, bob, eve, isolate] = [
      ...[await person(), await person(), await person(), await person()],
      new FeedIsolate(),
    ] as const
    // As many as the first page has room for come before it.
    const anns = await posts(ann.id, 20)
    const [bobs, eves] = [await posts(bob.id, 12), await posts(eve.id, 4)]
    const { ports } = await ownTrends([...anns, ...bobs, ...eves])
    const pages = await walk(reader.id, () => ports({ isolate }), { limit: 8 })
    const beyond = walked(pages).slice(anns.length)
    expect(beyond.map((id) => (bobs.includes(id) ? 'b' : 'e')).join('')).toBe('bbebbebbebbebbbb')
    for (const own of [bobs, eves]) expect(beyond.filter((id) => own.includes(id))).toEqual(own)
  })

  it('recommendations that the first page had no room for come before what is trending', async () => {
    const [reader, stranger] = [await person(), await person()]
    const [recommended, trending] = [await posts(stranger.id, 40), await posts(stranger.id, 30)]
    await recommend(reader.id, recommended)
    const { ports } = await ownTrends(trending)
    const page = await serve(reader.id, ports(), { limit: 60 })
    expect(shown(page)).toHaveLength(60)
    expect(shown(page).slice(20)).toEqual([...recommended.slice(20), ...trending.slice(0, 20)])
  })

  it('a page that is just full knows whether it is the last', async () => {
    const [reader, stranger, isolate] = [await person(), await person(), new FeedIsolate()]
    const { ports } = await ownTrends(await posts(stranger.id, 16))
    const pages = await walk(reader.id, () => ports({ isolate }), { limit: 8 })
    expect(pages.map((page) => page.items.length)).toEqual([8, 8])
  })

  it('no post comes twice, whatever is followed, recommended and trending at once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          followed: fc.integer({ min: 0, max: 130 }),
          recommended: fc.integer({ min: 0, max: 40 }),
          trending: fc.integer({ min: 0, max: 60 }),
          both: fc.integer({ min: 0, max: 30 }),
          own: fc.integer({ min: 0, max: 5 }),
          limit: fc.integer({ min: 7, max: 60 }),
        }),
        async ({ followed, recommended, trending, both, own, limit }) => {
          const [reader, ann, stranger, isolate] = [await person(), await person(), await person(), new FeedIsolate()]
          const [anns, mine] = [await posts(ann.id, followed), await posts(reader.id, own)]
          await follows(reader.id, ann.id)
          const strange = await posts(stranger.id, recommended + trending)
          await recommend(reader.id, [...strange.slice(0, recommended), ...anns.slice(-5)])
          const inBoth = [...anns.slice(-both), ...mine, ...strange.slice(0, both)]
          const { trend, ports } = await ownTrends([...inBoth, ...strange.slice(recommended)])
          const between = (page: number) => trend(page % 2 === 0 ? strange : [...strange].reverse())
          const pages = await walk(reader.id, () => ports({ isolate }), { limit, between })
          const all = walked(pages)
          expect(new Set(all).size).toBe(all.length)
          expect(all).toEqual(expect.arrayContaining([...anns, ...mine, ...strange.slice(0, recommended)]))
        },
      ),
      { numRuns: 12 },
    )
  })

  it('shows nothing that was reported as seen, and nothing of who is hidden', async () => {
    const [reader, stranger, muted, isolate] = [await person(), await person(), await person(), new FeedIsolate()]
    const [strange, mutes] = [await posts(stranger.id, 60), await posts(muted.id, 10)]
    const { ports } = await ownTrends([...mutes, ...strange])
    const now = Date.now()
    const seen = addSeen(emptySeen(now), strange.slice(0, 30), now)
    await redis.pipeline([['SET', keys.seen(reader.id), formatSeen(seen)]])
    await warmUp(reader.id, isolate)
    await hideFrom(reader.id, muted.id)
    const pages = await walk(reader.id, () => ports({ isolate }), { limit: 8 })
    expect(walked(pages)).toEqual(strange.slice(30))
  })

  describe('where all else does not fill a first page', () => {
    /** Who has seen posts: some before the filters were rotated, some after. */
    async function whoSaw(earlier: readonly Id[], later: readonly Id[]) {
      const reader = await person()
      const now = Date.now()
      const before = addSeen(emptySeen(now - 2 * SEEN_ROTATE_MS), earlier, now - 2 * SEEN_ROTATE_MS)
      const seen = addSeen(before, later, now)
      await redis.pipeline([['SET', keys.seen(reader.id), formatSeen(seen)]])
      return reader
    }

    it('what was seen comes again and says so, longest ago first, whatever is seen and trends meanwhile', async () => {
      const stranger = await person()
      const trending = await posts(stranger.id, 40)
      const [lately, longAgo, unseen] = [trending.slice(0, 20), trending.slice(20, 35), trending.slice(35)]
      // What was seen in both times was seen lately.
      const reader = await whoSaw([...longAgo, ...lately.slice(10)], lately)
      const { trend, ports } = await ownTrends(trending)
      const isolate = new FeedIsolate()
      const between = async (page: number) => {
        const now = Date.now()
        await redis.pipeline([['SET', keys.seen(reader.id), formatSeen(addSeen(emptySeen(now), trending, now))]])
        await trend([...trending.slice(page), ...trending.slice(0, page)])
      }
      const pages = await walk(reader.id, () => ports({ isolate }), { limit: 12, between })
      expect(walked(pages)).toEqual([...unseen, ...longAgo, ...lately])
      expect(pages.flatMap(reasons)).toEqual(trending.map((_, i) => (i < unseen.length ? 'trending' : 'seen')))
      const { items } = JSON.parse(pageRenderer(pages[1]?.items ?? [], { liked: new Set() }, null)())
      expect(items[0]).toMatchObject({ reason: 'seen', why: expect.stringContaining('seen this post before') })
      expect((await serve(reader.id, ports({ isolate: new FeedIsolate() }), { limit: 12 })).items).toHaveLength(12)
    })

    it('what a filled page leaves out stays out', async () => {
      const stranger = await person()
      const trending = await posts(stranger.id, 20)
      const reader = await whoSaw([], trending.slice(12))
      const { ports } = await ownTrends(trending)
      const isolate = new FeedIsolate()
      const pages = await walk(reader.id, () => ports({ isolate }), { limit: 12 })
      expect(walked(pages)).toEqual(trending.slice(0, 12))
    })

    it('what is hidden fills none', async () => {
      const [stranger, muted] = [await person(), await person()]
      const [seen, two, hidden] = [await posts(stranger.id, 15), await posts(stranger.id, 2), await posts(muted.id, 12)]
      const reader = await whoSaw(seen, [])
      const isolate = new FeedIsolate()
      await warmUp(reader.id, isolate)
      await hideFrom(reader.id, muted.id)
      const { ports } = await ownTrends([...hidden, ...two, ...seen])
      const page = await serve(reader.id, ports({ isolate }), { limit: 12 })
      expect(shown(page)).toEqual([...two, ...seen.slice(0, 10)])
    })

    it('neither a post that was shown comes again, nor one of who is hidden or whose account is private', async () => {
      const [ann, stranger, muted, hermit] = [
        await person(),
        await person(),
        await person(),
        await person({ isPrivate: true }),
      ]
      const [anns, strange] = [await posts(ann.id, 3), await posts(stranger.id, 4)]
      const others = [...(await posts(muted.id, 2)), ...(await posts(hermit.id, 2))]
      const all = [...anns, ...strange, ...others]
      const reader = await whoSaw(all, [])
      await follows(reader.id, ann.id)
      const isolate = new FeedIsolate()
      await warmUp(reader.id, isolate)
      await hideFrom(reader.id, muted.id)
      const { ports } = await ownTrends(all)
      const pages = await walk(reader.id, () => ports({ isolate }), { limit: 10 })
      expect(sorted(walked(pages))).toEqual(sorted([...anns, ...strange]))
      expect(new Set(pages.flatMap(reasons))).toEqual(new Set(['follow', 'seen']))
    })
  })

  it('a sponsored post of the first page does not come again', async () => {
    const [reader, brand, isolate] = [await person(), await person(), new FeedIsolate()]
    const strangers = [await person(), await person()]
    isolate.sharedDue(Date.now())
    const [ad = ''] = await posts(brand.id, 1)
    // Two each in turn: nobody's post is moved forward to part them.
    const strange: Id[] = []
    for (let i = 0; i < 20; i += 2) strange.push(...(await posts(strangers[(i / 2) % 2]?.id ?? '', 2)))
    const { ports } = await ownTrends([...strange, ad])
    isolate.slate = [{ postId: ad, authorId: brand.id, campaignId: '1', bidCents: 9, perPersonPerDay: 3, hashtags: [] }]
    const pages = await walk(reader.id, () => ports({ isolate }), { limit: 10 })
    expect(sorted(walked(pages))).toEqual(sorted([ad, ...strange]))
    expect(reasons(pages[0] as FeedPage)[4]).toBe('sponsored')
  })

  it('comes nothing when newest-first was asked for', async () => {
    const [reader, stranger] = [await person(), await person()]
    const { ports } = await ownTrends(await posts(stranger.id, 5))
    expect(await serve(reader.id, ports(), { mode: 'following' })).toMatchObject({ items: [], cursor: null })
  })

  it('costs a reader of enough followed posts nothing on the first page', async () => {
    const [reader, ann, isolate] = [await person(), await person(), new FeedIsolate()]
    await follows(reader.id, ann.id)
    await posts(ann.id, 60)
    await warmUp(reader.id, isolate)
    const ports = portsFor({ isolate, db: awayDb })
    expect((await serve(reader.id, ports)).items).toHaveLength(50)
    expect(ports.pipelines).toHaveLength(1)
  })

  it.each(['redis', 'postgres'] as const)('the walk ends while %s is away and nobody knows better', async (away) => {
    const [reader, ann, stranger, isolate] = [await person(), await person(), await person(), new FeedIsolate()]
    await follows(reader.id, ann.id)
    const followed = await posts(ann.id, 12)
    const { ports } = await ownTrends(await posts(stranger.id, 10))
    await warmUp(reader.id, isolate)
    const first = await serve(reader.id, ports({ isolate }), { limit: 10 })
    const alone = ports(away === 'redis' ? { isolate, redis: awayRedis } : { isolate, db: awayDb })
    const second = await serve(reader.id, alone, { limit: 10, cursor: first.cursor })
    expect(sorted([...shown(first), ...shown(second)])).toEqual(sorted(followed))
    expect(second.cursor).toBeNull()
    expect(alone.degradedBy).toContain(away)
  })
})
