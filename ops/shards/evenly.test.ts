import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LOGICAL_SHARDS } from '#core/ids.ts'
import { evenOut } from './evenly.ts'

const LAST = LOGICAL_SHARDS - 1
const alike = () => 1

describe('what would even databases out', () => {
  it('gives an empty second database half of the first', () => {
    expect(evenOut([[{ first: 0, last: LAST }], []], alike)).toEqual([
      { first: 4096, last: LAST, from: 0, to: 1, weight: 4096 },
    ])
  })

  it('leaves databases alone that are even', () => {
    expect(evenOut([[{ first: 0, last: 4095 }], [{ first: 4096, last: LAST }]], alike)).toEqual([])
    expect(evenOut([[{ first: 0, last: LAST }], []], () => 0)).toEqual([])
  })

  it('moves what a database owns, and brings the fullest nearer to the mean', () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: LAST }), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(cuts, fc.integer({ min: 1, max: 97 }), (at, seed) => {
        const bounds = [0, ...at.sort((a, b) => a - b), LOGICAL_SHARDS]
        const owned = bounds.slice(1).map((end, i) => [{ first: bounds[i] ?? 0, last: end - 1 }])
        const weightOf = (shard: number) => (shard * seed) % 7
        const holder = new Array<number>(LOGICAL_SHARDS)
        for (const [i, ranges] of owned.entries()) {
          for (const { first, last } of ranges) holder.fill(i, first, last + 1)
        }
        const fullest = () => {
          const loads = owned.map(() => 0)
          for (const [shard, at] of holder.entries()) loads[at] = (loads[at] ?? 0) + weightOf(shard)
          return Math.max(...loads)
        }
        const before = fullest()
        for (const { first, last, from, to } of evenOut(owned, weightOf)) {
          expect(new Set(holder.slice(first, last + 1))).toEqual(new Set([from]))
          holder.fill(to, first, last + 1)
        }
        expect(fullest()).toBeLessThanOrEqual(before)
      }),
      { numRuns: 50 },
    )
  })
})
