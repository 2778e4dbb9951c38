import fc from 'fast-check'
import { expect, test } from 'vitest'
import { IdSet, leadOf, placeOf } from './id-set.ts'

const id = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  // Alike in their last digits, or in all but those.
  fc.tuple(fc.bigInt({ min: 0n, max: 3n }), fc.bigInt({ min: 0n, max: 3n })).map(([a, b]) => a * 10n ** 9n + b),
)

test('has what it was made of, each once, and nothing else', () => {
  fc.assert(
    fc.property(fc.array(id, { maxLength: 200 }), fc.array(id), (given, others) => {
      const ids = given.map(String)
      const set = IdSet.of(ids)
      const known = new Set(ids)
      for (const one of [...ids, ...others.map(String)]) expect(set.has(one), one).toBe(known.has(one))
    }),
  )
})

test('the empty one has nothing, and takes nothing', () => {
  const none = new IdSet(0)
  expect(['0', '1', '4294967296000000000'].map((one) => none.has(one))).toEqual([false, false, false])
  expect(() => none.add('1')).toThrow(RangeError)
})

test('says of what is added whether it is new', () => {
  const set = new IdSet(2)
  expect(['7', '7', '1000000007', '7'].map((one) => set.add(one))).toEqual([true, false, true, false])
  expect(() => set.add('8')).toThrow(RangeError)
})

test('an id is its lead and its place', () => {
  fc.assert(
    fc.property(id, (number) => {
      expect(BigInt(leadOf(String(number))) * 10n ** 9n + BigInt(placeOf(String(number)))).toBe(number)
    }),
  )
})
