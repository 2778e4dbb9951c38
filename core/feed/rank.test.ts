import fc from 'fast-check'
import { expect, test } from 'vitest'
import { idMs } from '../ids.ts'
import { type FeedPost, DEFAULT_MODEL as MODEL, rank, score } from './index.ts'
import { at, HOUR, idsOf, item, NOW, reasons, secondsAt, viewer } from './testing.ts'

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
      return item({ id, seconds: secondsAt(idMs(id)), authorId: author, hashtags: topic, likes }, reason, relevance)
    }),
  )

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
      const aged = (hours: number) => ({ seconds: secondsAt(NOW - hours * HOUR) })
      expect(of({ likes: likes + more })).toBeGreaterThanOrEqual(of({ likes }))
      expect(of(aged(age))).toBeGreaterThanOrEqual(of(aged(age + older)))
    }),
  )
  expect(of({}, viewer({ affinity: () => 3 }))).toBeGreaterThan(of({}))
  expect(of({}, viewer({ hasSeen: () => true }))).toBeLessThan(of({}))
  const older = { seconds: secondsAt(NOW - 2 * HOUR) }
  expect(of(older, viewer({ id: '9' }))).toBeLessThan(of(older))
})

test('of equals the newer comes first, and one author does not stand in a row', () => {
  const [old, young] = [item({ id: at(1) }), item({ id: at(1, 1), authorId: '8' })]
  expect(idsOf(rank([old, young], viewer(), NOW))).toEqual([at(1, 1), at(1)])
  const crowd = [1, 2, 3].map((n) => item({ id: at(0, n), likes: 110 - n }))
  const other = item({ id: at(0, 9), authorId: '8', likes: 100 })
  expect(idsOf(rank([...crowd, other], viewer(), NOW)).indexOf(at(0, 9))).toBeLessThan(2)
})

test('what one has just posted stands first, however often one has looked at it', () => {
  const fresh = item({ id: at(-60_000, 1), seconds: secondsAt(NOW - 60_000), authorId: viewer().id }, 'own')
  const popular = item({
    id: at(-120_000, 2),
    seconds: secondsAt(NOW - 120_000),
    authorId: '2',
    likes: 50_000,
    comments: 900,
  })
  const who = { ...viewer(), hasSeen: () => true }
  expect(idsOf(rank([popular, fresh], who, NOW))[0]).toBe(fresh.post.id)
  expect(idsOf(rank([popular, fresh], who, NOW + 2 * HOUR))[0]).toBe(popular.post.id)
})
