import { expect, test } from 'vitest'
import { addSeen, emptySeen, formatSeen, hasSeen, parseSeen, SEEN_ROTATE_MS } from './index.ts'
import { at, NOW } from './testing.ts'

const impressions = (n: number, from = 0) => Array.from({ length: n }, (_, i) => at((from + i) * 7, i % 1_000))

test('what was seen is remembered over a rotation and forgotten after two', () => {
  let seen = addSeen(emptySeen(NOW), impressions(300), NOW)
  expect(impressions(300).every((id) => hasSeen(seen, id))).toBe(true)
  seen = addSeen(seen, impressions(10, 5_000), NOW + SEEN_ROTATE_MS + 1)
  expect(impressions(300).every((id) => hasSeen(seen, id))).toBe(true)
  seen = addSeen(seen, impressions(10, 6_000), NOW + 2 * SEEN_ROTATE_MS + 2)
  expect(impressions(300).filter((id) => hasSeen(seen, id)).length).toBeLessThan(10)
})

test('the filters err in fewer than two of a hundred, however much somebody looks at', () => {
  for (const count of [1_500, 3_000, 20_000]) {
    let seen = emptySeen(NOW)
    const ids = impressions(count)
    for (let i = 0; i < count; i += 200) seen = addSeen(seen, ids.slice(i, i + 200), NOW)
    const wrong = impressions(10_000, 1_000_000).filter((id) => hasSeen(seen, id)).length
    expect(wrong / 10_000, `${count} impressions`).toBeLessThan(0.02)
    expect(ids.slice(-1_000).every((id) => hasSeen(seen, id))).toBe(true)
  }
})

test('filters come back from Redis as they were; what is none of ours is unknown', () => {
  const seen = addSeen(emptySeen(NOW), impressions(50), NOW)
  expect(parseSeen(formatSeen(seen))).toEqual(seen)
  for (const text of ['', 'x', '1.2.3', `NaN.${formatSeen(seen).slice(14)}`, '1.=.='])
    expect(parseSeen(text)).toBeNull()
})
