import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareIds, type Id, idMs } from '../ids.ts'
import type { AuthorList, TimelineRead } from '../timeline/index.ts'
import { type Candidate, mergeFollowed, pulledSkeleton, withCandidates } from './index.ts'
import { at, entry, NOW, newestFirst } from './testing.ts'

const place = fc
  .record({ ms: fc.integer({ min: 0, max: 9 }), n: fc.integer({ min: 0, max: 2 }) })
  .map(({ ms, n }) => at(ms, n))
const listOf = fc.record({ ids: fc.array(place, { maxLength: 12 }), floor: fc.option(fc.integer({ min: 0, max: 9 })) })
const cut = ({ ids, floor }: { ids: Id[]; floor: number | null }) => {
  const floorMs = floor === null ? 0 : NOW + floor
  return {
    all: newestFirst(ids),
    floor: floorMs,
    ids: newestFirst(ids).filter((id) => idMs(id) >= floorMs),
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
          ids: own.ids.slice(0, n),
          reachedFloor: own.ids.length < n,
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
