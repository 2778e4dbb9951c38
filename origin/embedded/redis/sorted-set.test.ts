import fc from 'fast-check'
import { expect, it } from 'vitest'
import { SortedSet } from './sorted-set.ts'

const member = fc.constantFrom('a', 'b', 'c', 'd', 'é', 'ÿ', '', 'ab', 'aa', 'Z')
const change = fc.record({ member, score: fc.integer({ min: -3, max: 3 }), remove: fc.boolean() })

it('keeps order and ranks through any changes', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 80 }), (changes) => {
      const zset = new SortedSet(Math.random)
      const model = new Map<string, number>()
      for (const { member, score, remove } of changes) {
        if (remove) expect(zset.delete(member)).toBe(model.delete(member))
        else {
          zset.set(member, score)
          model.set(member, score)
        }
      }
      const sorted = [...model].sort(([m, s], [n, t]) => s - t || (m < n ? -1 : 1))
      expect([...zset]).toEqual(sorted)
      expect(zset.slice({ start: 0, end: 99 }, true)).toEqual(sorted.toReversed())
      sorted.forEach(([name], rank) => {
        expect(zset.rank(name)).toBe(rank)
      })
      expect(zset.slice({ start: 1, end: 3 })).toEqual(sorted.slice(1, 3))
      expect(zset.countWhile((node) => node.score < 1)).toBe(sorted.filter(([, score]) => score < 1).length)
    }),
  )
})

it('finds any rank among 20,000', () => {
  const zset = new SortedSet(Math.random)
  for (let i = 0; i < 20_000; i++) zset.set(`m${i}`, (i * 7919) % 20_000)
  for (const rank of [0, 1, 9_999, 19_998, 19_999]) {
    expect(zset.slice({ start: rank, end: rank + 1 })[0]![1]).toBe(rank)
  }
})
