import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Id } from '../ids.ts'
import {
  eligibleSponsored,
  FEED_POLICY,
  insertSponsored,
  paceRecommended,
  type RankedItem,
  type Reason,
} from './index.ts'
import { at, idsOf, item } from './testing.ts'

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

test('no author’s followed posts follow each other more than twice while another’s are left', () => {
  const authors = fc.array(fc.constantFrom('2', '2', '2', '3', '4'), { maxLength: 30 })
  const made = (reason: Reason, ms: number) =>
    authors.map((list) =>
      list.map((authorId, i): RankedItem => ({ ...item({ id: at(ms, i), authorId }, reason), score: 1 / (i + 1) })),
    )
  fc.assert(
    fc.property(made('follow', 0), made('trending', 5), (followed, trending) => {
      const paced = paceRecommended([...followed, ...trending], FEED_POLICY)
      for (const reason of ['follow', 'trending']) {
        const names = paced.filter((one) => one.candidate.reason === reason).map((one) => one.post.authorId)
        names.forEach((name, i) => {
          const isThird = i >= 2 && names[i - 1] === name && names[i - 2] === name
          if (isThird) expect(new Set(names.slice(i)).size).toBe(1)
        })
      }
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
