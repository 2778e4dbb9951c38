import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareIds, createIdFactory, firstIdAt, ID_EPOCH_MS, idMs, idShard, LOGICAL_SHARDS, parseId } from './ids.ts'

const instant = fc.integer({ min: ID_EPOCH_MS, max: ID_EPOCH_MS + 2 ** 40 - 1_000 })
const shard = fc.integer({ min: 0, max: LOGICAL_SHARDS - 1 })
const anyId = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }).map(String)

test('an id carries its instant and its shard', () => {
  fc.assert(
    fc.property(instant, shard, fc.double({ min: 0, max: 0.999, noNaN: true }), (ms, owner, chance) => {
      const id = createIdFactory(
        () => ms,
        () => chance,
      ).next(owner)
      expect([idMs(id), idShard(id), parseId(id)]).toEqual([ms, owner, id])
      expect(compareIds(id, firstIdAt(ms))).toBeGreaterThanOrEqual(0)
      expect(compareIds(id, firstIdAt(ms + 1))).toBeLessThan(0)
    }),
  )
})

test('ids are unique, and later milliseconds sort later, however the clock steps', () => {
  const steps = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 400 })
  fc.assert(
    fc.property(steps, fc.double({ min: 0, max: 0.999, noNaN: true }), (moves, chance) => {
      let now = ID_EPOCH_MS + 1_000_000
      const ids = createIdFactory(
        () => now,
        () => chance,
      )
      const made = moves.map((by) => {
        now += by
        return ids.next(7)
      })
      expect(new Set(made).size).toBe(made.length)
      made.slice(1).forEach((id, i) => {
        expect(idMs(id)).toBeGreaterThanOrEqual(idMs(made[i]!))
      })
    }),
  )
})

test('a used-up millisecond runs ahead of the clock, without a repetition', () => {
  const ids = createIdFactory(
    () => ID_EPOCH_MS + 5,
    () => 0.7,
  )
  const made = Array.from({ length: 3_000 }, () => ids.next(1))
  expect(new Set(made).size).toBe(3_000)
  expect(idMs(made[1_023]!)).toBe(ID_EPOCH_MS + 5)
  expect(idMs(made[1_024]!)).toBe(ID_EPOCH_MS + 6)
  expect(idMs(made[2_999]!)).toBe(ID_EPOCH_MS + 7)
})

test('a clock outside the range makes no ids', () => {
  const at = (ms: number) =>
    createIdFactory(
      () => ms,
      () => 0,
    ).next(0)
  expect(() => at(ID_EPOCH_MS - 1)).toThrow(RangeError)
  expect(() => at(0)).toThrow(RangeError)
  expect(() => at(ID_EPOCH_MS + 2 ** 40)).toThrow(RangeError)
  expect(at(ID_EPOCH_MS)).toBe('0')
})

test('ids compare as numbers', () => {
  fc.assert(
    fc.property(anyId, anyId, (a, b) => {
      const expected = BigInt(a) < BigInt(b) ? -1 : BigInt(a) > BigInt(b) ? 1 : 0
      expect(Math.sign(compareIds(a, b))).toBe(expected)
    }),
  )
})

test('only decimal numbers that a bigint holds are ids', () => {
  fc.assert(fc.property(anyId, (id) => parseId(id) === id))
  const others = ['', ' 1', '01', '-1', '1.0', '1e3', '0x1', '9223372036854775808', '18446744073709551615', '١', '1\n']
  for (const text of others) expect(parseId(text), text).toBeNull()
  fc.assert(fc.property(fc.string(), (text) => parseId(text) === null || BigInt(text) < 1n << 63n))
})

test('shards are drawn from all of them', () => {
  const ids = (chance: number) =>
    createIdFactory(
      () => ID_EPOCH_MS,
      () => chance,
    ).randomShard()
  expect([ids(0), ids(0.9999999)]).toEqual([0, LOGICAL_SHARDS - 1])
})
