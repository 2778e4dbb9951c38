import fc from 'fast-check'
import { expect, it } from 'vitest'
import { firstIdAt } from './ids.ts'
import { longestLife, spreadLife } from './keys.ts'

const ids = fc.bigInt({ min: 1n, max: 2n ** 63n - 1n }).map(String)

it('a spread life is within a tenth of what was said, the same for the same id, and never beyond the longest', () => {
  fc.assert(
    fc.property(ids, fc.integer({ min: 60, max: 700_000 }), (id, seconds) => {
      const life = spreadLife(seconds, id)
      expect(life).toBe(spreadLife(seconds, id))
      expect(Math.abs(life - seconds)).toBeLessThanOrEqual(seconds / 10 + 1)
      expect(life).toBeLessThanOrEqual(longestLife(seconds))
    }),
  )
})

it('what is written together ends apart: of a thousand posts no two hundredths of the time see more than a twentieth end', () => {
  const newest = BigInt(firstIdAt(1_764_000_000_000))
  const ended = new Map<number, number>()
  for (let n = 0n; n < 1_000n; n++) {
    const slice = Math.floor(spreadLife(3_600, String(newest - n * 7_777_777n)) / 18)
    ended.set(slice, (ended.get(slice) ?? 0) + 1)
  }
  expect(ended.size).toBeGreaterThan(35)
  expect(Math.max(...ended.values())).toBeLessThan(50)
})
