import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnsFor, placeInColumns } from './columns.ts'

const heights = fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 60 })
const columns = fc.integer({ min: 1, max: 4 })

describe('columns', () => {
  it('puts each card where there is most room', () => {
    expect(placeInColumns([300, 100, 200, 50], 3, 10).places).toEqual([
      { column: 0, top: 0 },
      { column: 1, top: 0 },
      { column: 2, top: 0 },
      { column: 1, top: 110 },
    ])
    expect(placeInColumns([], 3, 10).height).toBe(0)
  })

  it('never lets cards overlap, and ends where the last one ends', () => {
    fc.assert(
      fc.property(heights, columns, (all, count) => {
        const { places, height } = placeInColumns(all, count, 10)
        const ends = new Map<number, number>()
        places.forEach(({ column, top }, i) => {
          expect(top).toBeGreaterThanOrEqual(ends.has(column) ? (ends.get(column) ?? 0) + 10 : 0)
          ends.set(column, top + (all[i] ?? 0))
        })
        expect(height).toBe(Math.max(0, ...ends.values()))
      }),
    )
  })

  it('moves nothing when cards are appended', () => {
    fc.assert(
      fc.property(heights, heights, columns, (first, more, count) => {
        const { places } = placeInColumns(first, count, 24)
        expect(placeInColumns([...first, ...more], count, 24).places.slice(0, first.length)).toEqual(places)
      }),
    )
  })

  it('takes as many columns as fit', () => {
    expect([320, 623, 624, 1128, 3000].map((width) => columnsFor(width, 300, 24, 3))).toEqual([1, 1, 2, 3, 3])
  })
})
