import { expect, test } from 'vitest'
import { seededRandom } from '../random.ts'
import { planTaps } from './taps.ts'

test('one like a person, one in twenty repeated, one in twenty taken back, nothing before its like', () => {
  const people = Array.from({ length: 1_000 }, (_, i) => String(i + 1))
  const { taps, expected } = planTaps(people, seededRandom(3))
  expect(taps).toHaveLength(1_100)
  expect(expected).toBe(950)
  const first = new Map<string, string>()
  for (const { userId, kind } of taps) if (!first.has(userId)) first.set(userId, kind)
  expect(new Set(first.values())).toEqual(new Set(['like']))
  const unlikes = taps.filter(({ kind }) => kind === 'unlike')
  expect(new Set(unlikes.map(({ userId }) => userId)).size).toBe(50)
})
