import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Problem } from '../problem.ts'
import { decodeFeedCursor, encodeFeedCursor } from './index.ts'
import { at, reasons } from './testing.ts'

const anyId = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }).map(String)

test('a feed cursor comes back as it was given', () => {
  const rest = fc.array(fc.record({ id: anyId, reason: fc.constantFrom(...reasons), relevance: fc.constant(0) }), {
    maxLength: 120,
  })
  fc.assert(
    fc.property(
      rest,
      anyId,
      fc.array(anyId, { maxLength: 200 }),
      fc.nat(),
      fc.boolean(),
      (order, bottom, ...others) => {
        const [shown, served, isBeyond] = others
        for (const mode of ['ranked', 'following'] as const) {
          const position = { mode, rest: order, bottom, shown, served, isBeyond }
          expect(decodeFeedCursor(encodeFeedCursor(position), mode)).toEqual(position)
        }
      },
    ),
  )
})

test('a cursor of one mode is refused by the other as any wrong cursor is', () => {
  const walk = { rest: [], bottom: at(0), shown: [], served: 1, isBeyond: false }
  const refusal = expect.objectContaining({ status: 400, message: 'This cursor is not one that this list has given.' })
  const ranked = encodeFeedCursor({ ...walk, mode: 'ranked' })
  expect(() => decodeFeedCursor(ranked, 'following')).toThrow(refusal)
  const following = encodeFeedCursor({ ...walk, mode: 'following' })
  expect(() => decodeFeedCursor(following, 'ranked')).toThrow(refusal)
})

test('a cursor from before walks went beyond the followed posts is read on', () => {
  const cursor = btoa(JSON.stringify(['feed', BigInt(at(1)).toString(36), '1', at(0), '', 7]))
  expect(decodeFeedCursor(cursor, 'ranked')).toEqual({
    mode: 'ranked',
    rest: [{ id: at(1), reason: 'follow', relevance: 0 }],
    bottom: at(0),
    shown: [],
    served: 7,
    isBeyond: false,
  })
})

test('a cursor that was tampered with is a position or a Problem 400, and its ids are ids', () => {
  const position = {
    mode: 'ranked' as const,
    rest: [{ id: at(1), reason: 'follow' as const, relevance: 0 }],
    bottom: at(0),
    shown: [at(2)],
    served: 1,
    isBeyond: false,
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
    bare(['zzzzzzzzzzzzz', '1', '0', '', 0, false]),
    bare(['', '', '9223372036854775808', '', 0, false]),
    bare(['A', '1', '0', '', 0, false]),
    bare(['1.2', '1', '0', '', 0, false]),
    bare(['', '', '0', '', -1, false]),
    bare(['', '', '0', '', 0, 'no']),
    bare(['', '', '0', '']),
  ]
  for (const cursor of refused) expect(() => decodeFeedCursor(cursor, 'ranked'), cursor).toThrow(Problem)
})
