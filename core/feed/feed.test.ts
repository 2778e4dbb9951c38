import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareIds, firstIdAt, type Id, idMs } from '../ids.ts'
import { Problem } from '../problem.ts'
import type { AuthorList, TimelineRead } from '../timeline/index.ts'
import {
  addSeen,
  applyRules,
  attach,
  type Candidate,
  decodeFeedCursor,
  eligibleSponsored,
  emptySeen,
  encodeFeedCursor,
  FEED_POLICY,
  type FeedPost,
  feedPost,
  formatSeen,
  hasSeen,
  insertSponsored,
  isNews,
  isReady,
  DEFAULT_MODEL as MODEL,
  mergeFollowed,
  notHidden,
  notPrivate,
  notUnfollowed,
  paceRecommended,
  pageTag,
  parseSeen,
  presentPage,
  pulledSkeleton,
  type RankedItem,
  type Reason,
  rank,
  SEEN_ROTATE_MS,
  score,
  type Viewer,
  withCandidates,
} from './index.ts'

const NOW = 1_764_000_000_000
const HOUR = 3_600_000
const at = (ms: number, n = 0): Id => String(BigInt(firstIdAt(NOW + ms)) + BigInt(n))
const entry = (id: Id) => ({ id, ms: idMs(id) })
const newestFirst = (ids: Iterable<Id>) => [...new Set(ids)].sort((a, b) => compareIds(b, a))

const viewer = (over: Partial<Viewer> = {}): Viewer => ({
  id: '1',
  hidden: { everywhere: new Set(), unfollowed: new Set() },
  liked: new Set(),
  hasSeen: () => false,
  affinity: () => 0,
  ...over,
})
const post = (over: Partial<FeedPost> = {}): FeedPost => ({
  id: at(0),
  authorId: '9',
  authorName: 'ada',
  authorPrivate: false,
  ms: NOW,
  hashtags: [],
  awaitsMedia: false,
  privateKeys: [],
  signedUntil: Number.POSITIVE_INFINITY,
  sign: () => {},
  digest: 0,
  size: 10,
  json: '{"id":"x"',
  counts: { likes: 0, comments: 0 },
  ...over,
})
const item = (over: Partial<FeedPost> = {}, reason: Reason = 'follow', relevance = 0) => {
  const made = post(over)
  return { candidate: { id: made.id, reason, relevance }, post: made }
}

// ---- skeleton

const place = fc
  .record({ ms: fc.integer({ min: 0, max: 9 }), n: fc.integer({ min: 0, max: 2 }) })
  .map(({ ms, n }) => at(ms, n))
const listOf = fc.record({ ids: fc.array(place, { maxLength: 12 }), floor: fc.option(fc.integer({ min: 0, max: 9 })) })
const cut = ({ ids, floor }: { ids: Id[]; floor: number | null }) => {
  const floorMs = floor === null ? 0 : NOW + floor
  return {
    all: newestFirst(ids),
    floor: floorMs,
    entries: newestFirst(ids)
      .filter((id) => idMs(id) >= floorMs)
      .map(entry),
  }
}

test('a merged page holds every post of every source down to its bottom, once, newest first', () => {
  const sizes = fc.integer({ min: 1, max: 10 })
  fc.assert(
    fc.property(
      listOf,
      fc.array(listOf, { maxLength: 3 }),
      sizes,
      fc.option(place),
      sizes,
      (pushed, pulled, size, below, n) => {
        const own = cut(pushed)
        const timeline: TimelineRead = {
          floor: own.floor,
          entries: own.entries.slice(0, n),
          reachedFloor: own.entries.length < n,
        }
        const lists = pulled.map((list, i): AuthorList => ({ author: String(i), ...cut(list) }))
        const { candidates, bottom } = mergeFollowed(timeline, lists, size, below)
        const ids = candidates.map(({ id }) => id)
        expect(ids).toEqual(newestFirst(ids))
        expect(ids.length).toBeLessThanOrEqual(size)
        const everything = newestFirst([...own.all, ...pulled.flatMap((list) => list.ids)])
        const due = everything.filter(
          (id) => compareIds(id, bottom) >= 0 && (below === null || compareIds(id, below) < 0),
        )
        expect(ids).toEqual(due)
      },
    ),
    { numRuns: 1_000 },
  )
})

test('a pulled page says where the pull was cut', () => {
  const entries = [at(3), at(2), at(1)].map(entry)
  expect(pulledSkeleton({ entries, complete: true }, 5)).toMatchObject({ bottom: '0' })
  expect(pulledSkeleton({ entries, complete: false }, 5)).toMatchObject({ bottom: at(1) })
  expect(pulledSkeleton({ entries, complete: true }, 2)).toMatchObject({ bottom: at(2), candidates: [{}, {}] })
  expect(pulledSkeleton({ entries: [], complete: true }, 2)).toEqual({ candidates: [], bottom: '0' })
})

test('a post that is followed keeps that reason when it is recommended too', () => {
  const followed: Candidate = { id: '5', reason: 'follow', relevance: 0 }
  const others: Candidate[] = [
    { id: '5', reason: 'trending', relevance: 1 },
    { id: '6', reason: 'tag', relevance: 1 },
  ]
  expect(withCandidates({ candidates: [followed], bottom: '0' }, others)).toEqual([followed, others[1]])
})

// ---- cursor

const anyId = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }).map(String)
const reasons: Reason[] = ['own', 'follow', 'celebrity', 'tag', 'recommended', 'trending', 'sponsored']

test('a feed cursor comes back as it was given', () => {
  const rest = fc.array(fc.record({ id: anyId, reason: fc.constantFrom(...reasons), relevance: fc.constant(0) }), {
    maxLength: 120,
  })
  fc.assert(
    fc.property(rest, anyId, fc.array(anyId, { maxLength: 200 }), fc.nat(), (order, bottom, shown, served) => {
      for (const mode of ['ranked', 'following'] as const) {
        const position = { mode, rest: order, bottom, shown, served }
        expect(decodeFeedCursor(encodeFeedCursor(position), mode)).toEqual(position)
      }
    }),
  )
})

test('a cursor that was tampered with is a position or a Problem 400, and its ids are ids', () => {
  const position = {
    rest: [{ id: at(1), reason: 'follow' as const, relevance: 0 }],
test('a cursor of one mode is refused by the other as any wrong cursor is', () => {
  const walk = { rest: [], bottom: at(0), shown: [], served: 1 }
  const refusal = expect.objectContaining({ status: 400, message: 'This cursor is not one that this list has given.' })
  const ranked = encodeFeedCursor({ ...walk, mode: 'ranked' })
  expect(() => decodeFeedCursor(ranked, 'following')).toThrow(refusal)
  const following = encodeFeedCursor({ ...walk, mode: 'following' })
  expect(() => decodeFeedCursor(following, 'ranked')).toThrow(refusal)
})

    bottom: at(0),
    shown: [at(2)],
    mode: 'ranked' as const,
    served: 1,
  }
  const good = encodeFeedCursor(position)
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.constantFrom(...'abcXYZ019-_'), (place, letter) => {
      const cursor = good.slice(0, place) + letter + good.slice(place + 1)
      try {
        const { rest, bottom, shown } = decodeFeedCursor(cursor, 'ranked')
        for (const id of [...rest.map((candidate) => candidate.id), bottom, ...shown])
          expect(BigInt(id) < 1n << 63n).toBe(true)
      } catch (error) {
        expect(error).toBeInstanceOf(Problem)
      }
    }),
    { numRuns: 500 },
  )
  const bare = (parts: unknown[]) => btoa(JSON.stringify(['feed', ...parts]))
  const refused = [
    bare(['zzzzzzzzzzzzz', '1', '0', '', 0]),
    bare(['', '', '9223372036854775808', '', 0]),
    bare(['A', '1', '0', '', 0]),
    bare(['1.2', '1', '0', '', 0]),
    bare(['', '', '0', '', -1]),
  ]
  for (const cursor of refused) expect(() => decodeFeedCursor(cursor, 'ranked'), cursor).toThrow(Problem)
})

// ---- seen

const impressions = (n: number, from = 0) => Array.from({ length: n }, (_, i) => at((from + i) * 7, i % 1_000))

test('what was seen is remembered over a rotation and forgotten after two', () => {
  let seen = addSeen(emptySeen(NOW), impressions(300), NOW)
  expect(impressions(300).every((id) => hasSeen(seen, id))).toBe(true)
  seen = addSeen(seen, impressions(10, 5_000), NOW + SEEN_ROTATE_MS + 1)
  expect(impressions(300).every((id) => hasSeen(seen, id))).toBe(true)
  seen = addSeen(seen, impressions(10, 6_000), NOW + 2 * SEEN_ROTATE_MS + 2)
  expect(impressions(300).filter((id) => hasSeen(seen, id)).length).toBeLessThan(10)
})

test('the filters err in fewer than two of a hundred, however much somebody looks at', () => {
  for (const count of [1_500, 3_000, 20_000]) {
    let seen = emptySeen(NOW)
    const ids = impressions(count)
    for (let i = 0; i < count; i += 200) seen = addSeen(seen, ids.slice(i, i + 200), NOW)
    const wrong = impressions(10_000, 1_000_000).filter((id) => hasSeen(seen, id)).length
    expect(wrong / 10_000, `${count} impressions`).toBeLessThan(0.02)
    expect(ids.slice(-1_000).every((id) => hasSeen(seen, id))).toBe(true)
  }
})

test('filters come back from Redis as they were; what is none of ours is unknown', () => {
  const seen = addSeen(emptySeen(NOW), impressions(50), NOW)
  expect(parseSeen(formatSeen(seen))).toEqual(seen)
  for (const text of ['', 'x', '1.2.3', `NaN.${formatSeen(seen).slice(14)}`, '1.=.='])
    expect(parseSeen(text)).toBeNull()
})

// ---- rank

const anyItems = fc
  .array(
    fc.record({
      n: fc.integer({ min: 0, max: 500 }),
      author: fc.constantFrom('2', '3', '4'),
      likes: fc.constantFrom(0, 0, 5, 1_000),
      hoursAgo: fc.integer({ min: 0, max: 48 }),
      topic: fc.constantFrom([], ['sea'], ['sky']),
      reason: fc.constantFrom(...reasons),
      relevance: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
    { maxLength: 30 },
  )
  .map((facts) =>
    facts.map(({ n, author, likes, hoursAgo, topic, reason, relevance }, i) => {
      const id = at(-hoursAgo * HOUR, n * 32 + i)
      return item(
        { id, ms: idMs(id), authorId: author, hashtags: topic, counts: { likes, comments: 0 } },
        reason,
        relevance,
      )
    }),
  )
const idsOf = (items: readonly { post: FeedPost }[]) => items.map((one) => one.post.id)

test('ranking keeps each item once and does not depend on the order it came in', () => {
  fc.assert(
    fc.property(anyItems, (items) => {
      const ranked = rank(items, viewer(), NOW)
      expect(idsOf(ranked).sort()).toEqual(idsOf(items).sort())
      expect(idsOf(rank([...items].reverse(), viewer(), NOW))).toEqual(idsOf(ranked))
    }),
  )
})

test('within one author the better post stays ahead, however topics repeat', () => {
  fc.assert(
    fc.property(anyItems, (items) => {
      const ranked = rank(items, viewer(), NOW)
      for (const author of ['2', '3', '4']) {
        const plain = ranked
          .filter((one) => one.post.authorId === author)
          .map((one) => score(one, viewer(), NOW, MODEL))
        expect(plain).toEqual([...plain].sort((a, b) => b - a))
      }
    }),
  )
})

test('likes, youth and affinity raise a score; having been seen and having been made by oneself lower it', () => {
  const of = (over: Partial<FeedPost>, who = viewer()) => score(item(over), who, NOW, MODEL)
  fc.assert(
    fc.property(fc.nat(1e6), fc.nat(1e6), fc.nat(500), fc.nat(500), (likes, more, age, older) => {
      const counts = (n: number) => ({ counts: { likes: n, comments: 0 } })
      expect(of(counts(likes + more))).toBeGreaterThanOrEqual(of(counts(likes)))
      expect(of({ ms: NOW - age * HOUR })).toBeGreaterThanOrEqual(of({ ms: NOW - (age + older) * HOUR }))
    }),
  )
  expect(of({}, viewer({ affinity: () => 3 }))).toBeGreaterThan(of({}))
  expect(of({}, viewer({ hasSeen: () => true }))).toBeLessThan(of({}))
  expect(of({}, viewer({ id: '9' }))).toBeLessThan(of({}))
})

test('of equals the newer comes first, and one author does not stand in a row', () => {
  const [old, young] = [item({ id: at(1), ms: NOW }), item({ id: at(1, 1), ms: NOW, authorId: '8' })]
  expect(idsOf(rank([old, young], viewer(), NOW))).toEqual([at(1, 1), at(1)])
  const likes = (n: number) => ({ likes: n, comments: 0 })
  const crowd = [1, 2, 3].map((n) => item({ id: at(0, n), counts: likes(110 - n) }))
  const other = item({ id: at(0, 9), authorId: '8', counts: likes(100) })
  expect(idsOf(rank([...crowd, other], viewer(), NOW)).indexOf(at(0, 9))).toBeLessThan(2)
})

// ---- blend

const scoredItems = (kind: Reason) =>
  fc
    .array(fc.double({ min: 0.01, max: 1, noNaN: true }), { maxLength: 20 })
    .map((scores) =>
      scores.map((value, i): RankedItem => ({ ...item({ id: at(kind === 'follow' ? 0 : 5, i) }, kind), score: value })),
    )

test('recommendations are paced, and everything stays once and in its order', () => {
  fc.assert(
    fc.property(scoredItems('follow'), scoredItems('recommended'), (followed, recommended) => {
      const paced = paceRecommended([...recommended, ...followed], FEED_POLICY)
      const those = (reason: Reason) => paced.filter((one) => one.candidate.reason === reason)
      expect(those('follow')).toEqual(followed)
      expect(those('recommended')).toEqual(recommended)
      const lastFollowed = paced.findLastIndex((one) => one.candidate.reason === 'follow')
      paced.slice(0, Math.max(0, lastFollowed)).forEach((one, i) => {
        if (one.candidate.reason !== 'recommended') return
        const before = paced.slice(Math.max(0, i - FEED_POLICY.recommendedEvery + 1), i)
        expect(before).toHaveLength(FEED_POLICY.recommendedEvery - 1)
        expect(before.every((other) => other.candidate.reason === 'follow')).toBe(true)
      })
    }),
  )
})

test('sponsored posts stand in their slots only, none twice, and the page keeps its order', () => {
  fc.assert(
    fc.property(fc.nat(60), fc.nat(8), (length, ads) => {
      const page = Array.from({ length }, (_, i) => item({ id: at(1, i) }))
      const sponsored = Array.from({ length: ads }, (_, i) => item({ id: i === 0 ? at(1, 0) : at(2, i) }, 'sponsored'))
      const out = insertSponsored(page, sponsored, FEED_POLICY)
      expect(new Set(idsOf(out)).size).toBe(out.length)
      expect(out.filter((one) => one.candidate.reason !== 'sponsored')).toEqual(page)
      out.forEach((one, i) => {
        if (one.candidate.reason !== 'sponsored') return
        expect((i - FEED_POLICY.sponsoredFirstSlot) % FEED_POLICY.sponsoredEvery).toBe(0)
      })
    }),
  )
})

test('advertisements: not one’s own, below the cap, one a post, what interests first, then the highest bid', () => {
  const ad = (campaignId: Id, over = {}) => ({
    campaignId,
    postId: campaignId,
    authorId: '9',
    bidCents: Number(campaignId),
    perPersonPerDay: 2,
    hashtags: [],
    ...over,
  })
  const slate = [
    ad('1'),
    ad('2', { hashtags: ['sea'] }),
    ad('3'),
    ad('4', { authorId: '1' }),
    ad('5'),
    ad('6', { postId: '3', bidCents: 1 }),
  ]
  const shown = eligibleSponsored(
    slate,
    '1',
    new Map([
      ['5', 2],
      ['3', 1],
    ]),
    new Set(['sea']),
  )
  expect(shown.map((one) => one.campaignId)).toEqual(['2', '3', '1'])
})

// ---- rules

test('each rule drops what it is there for', () => {
  const hides = (everywhere: Id[], unfollowed: Id[] = []) =>
    viewer({ hidden: { everywhere: new Set(everywhere), unfollowed: new Set(unfollowed) } })
  const me = viewer({ id: '9' })
  const gone = hides([], ['9'])
  const cases: [boolean, boolean][] = [
    [notHidden.allows(item(), hides(['9'])), false],
    [notHidden.allows(item({}, 'recommended'), hides(['9'])), false],
    [notHidden.allows(item(), hides(['8'])), true],
    [notUnfollowed.allows(item(), gone), false],
    [notUnfollowed.allows(item({}, 'celebrity'), gone), false],
    [notUnfollowed.allows(item({}, 'recommended'), gone), true],
    [notPrivate.allows(item({ authorPrivate: true }, 'trending'), viewer()), false],
    [notPrivate.allows(item({ authorPrivate: true }), viewer()), true],
    [notPrivate.allows(item({ authorPrivate: true }, 'trending'), me), true],
    [isReady.allows(item({ awaitsMedia: true }), viewer()), false],
    [isReady.allows(item({ awaitsMedia: true }), me), true],
    [isNews.allows(item({}, 'recommended'), viewer({ hasSeen: () => true })), false],
    [isNews.allows(item({}, 'tag'), viewer({ liked: new Set([at(0)]) })), false],
    [isNews.allows(item({}, 'trending'), me), false],
    [isNews.allows(item(), viewer({ hasSeen: () => true, liked: new Set([at(0)]) })), true],
  ]
  cases.forEach(([got, expected], i) => {
    expect(got, `case ${i}`).toBe(expected)
  })
})

test('what is dropped is told once, with the rule’s name; candidates without a post are left out', () => {
  const dropped: string[] = []
  const posts = new Map([[at(0), post({ authorPrivate: true, awaitsMedia: true })]])
  const candidates: Candidate[] = [at(0), at(1)].map((id) => ({ id, reason: 'trending', relevance: 0 }))
  const items = attach(candidates, posts, '1')
  expect(applyRules(items, viewer(), (rule) => dropped.push(rule))).toEqual([])
  expect(dropped).toEqual(['private'])
  expect(attach(candidates, posts, '9')[0]?.candidate.reason).toBe('own')
})

// ---- present

test('a page is JSON that says what was put in, whatever people write', () => {
  const text = fc.string({ unit: 'grapheme' })
  fc.assert(
    fc.property(
      text,
      fc.array(text, { maxLength: 3 }),
      fc.nat(),
      fc.boolean(),
      fc.constantFrom(...reasons),
      (caption, hashtags, likes, liked, reason) => {
        const record = { id: at(0), userId: '9', caption, media: [], hashtags, version: 1, awaitsMedia: false }
        const author = { id: '9', username: 'ada', displayName: caption, avatar: null, isPrivate: false }
        const made = feedPost(record, author, { likes, comments: 2 }, '')
        const one = { candidate: { id: at(0), reason, relevance: 0 }, post: made }
        const page = JSON.parse(presentPage([one, one], viewer({ liked: new Set(liked ? [at(0)] : []) }), 'abc'))
        expect(page.cursor).toBe('abc')
        expect(page.items[1]).toEqual({
          id: at(0),
          author: { id: '9', username: 'ada', displayName: caption, avatar: null },
          caption,
          hashtags,
          media: [],
          createdAt: new Date(NOW).toISOString(),
          likeCount: likes,
          commentCount: 2,
          liked,
          reason,
          why: expect.any(String),
        })
      },
    ),
  )
  expect(JSON.parse(presentPage([], viewer(), null))).toEqual({ items: [], cursor: null })
})

test('the tag moves with the viewer, the posts, their order, counts, likes and reasons', () => {
  const [a, b] = [item({ id: at(0) }), item({ id: at(1) })]
  const tags = [
    pageTag([a, b], viewer()),
    pageTag([b, a], viewer()),
    pageTag([a], viewer()),
    pageTag([a, b], viewer({ id: '2' })),
    pageTag([a, b], viewer({ liked: new Set([at(1)]) })),
    pageTag([a, item({ id: at(1), counts: { likes: 1, comments: 0 } })], viewer()),
    pageTag([a, item({ id: at(1) }, 'celebrity')], viewer()),
  ]
  expect(new Set(tags).size).toBe(tags.length)
  expect(pageTag([a, b], viewer())).toBe(tags[0])
})

test('private pictures are signed in every size, anew when the hour is over, and the tag knows', () => {
  const media = (key: string) => ({
    mediaId: '5',
    type: 'image' as const,
    key,
    width: 4,
    height: 3,
    alt: '',
    blur: null,
  })
  const keys = ['private/5/ab.jpg', 'media/6/cd.jpg'] as const
  const caption = `look at ${keys[0]}`
  const record = {
    id: at(0),
    userId: '9',
    caption,
    media: keys.map(media),
    hashtags: [],
    version: 1,
    awaitsMedia: false,
  }
  const author = { id: '9', username: 'ada', displayName: '', avatar: 'media/1/a.jpg', isPrivate: true }
  const made = feedPost(record, author, { likes: 0, comments: 0 }, 'https://img.test')
  expect([made.privateKeys, made.signedUntil]).toEqual([[keys[0]], 0])
  const one = { candidate: { id: at(0), reason: 'follow' as const, relevance: 0 }, post: made }
  const tags = [7_200, 10_800].map((expires) => {
    made.sign(new Map([[keys[0], `s=x&exp=${expires}`]]), expires)
    const [shown] = JSON.parse(presentPage([one], viewer(), null)).items
    expect(shown.media[0].urls.thumb).toBe(`https://img.test/img/thumb/${keys[0]}?s=x&exp=${expires}`)
    expect(Object.values(shown.media[0].urls)).toEqual(expect.arrayContaining([expect.stringContaining('/large/')]))
    for (const url of Object.values<string>(shown.media[0].urls)) expect(url).toMatch(new RegExp(`exp=${expires}$`))
    expect(shown.media[1].urls.medium).toBe(`https://img.test/img/medium/${keys[1]}`)
    expect(shown.caption).toBe(caption)
    expect(shown.author.avatar).toBe('https://img.test/img/thumb/media/1/a.jpg')
    expect(made.signedUntil).toBe(expires)
    return pageTag([one], viewer())
  })
  expect(tags[0]).not.toBe(tags[1])
})
