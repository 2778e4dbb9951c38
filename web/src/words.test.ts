import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ago, captionParts, compact, compareIds, counted } from './words.ts'

const NOW = Date.UTC(2026, 10, 20, 12)
const agoAfter = (ms: number) => ago(new Date(NOW - ms).toISOString(), NOW)

describe('words', () => {
  it('says how long ago in one short word, and the date from a week on', () => {
    expect([0, 59_000, 60_000, 3_599_000, 3_600_000, 86_400_000, 6 * 86_400_000].map(agoAfter)).toEqual([
      ...['now', 'now', '1m', '59m', '1h', '1d', '6d'],
    ])
    expect(agoAfter(8 * 86_400_000)).toMatch(/^Nov 1[12]$/)
    expect(agoAfter(-5_000)).toBe('now')
  })

  it('counts in the singular and shortens large numbers', () => {
    expect(counted(1, 'like')).toBe('1 like')
    expect(counted(0, 'like')).toBe('0 likes')
    expect(counted(12_345, 'reply', 'replies')).toBe('12.3K replies')
    expect(compact(999)).toBe('999')
  })

  it('cuts captions at hashtags, and loses nothing', () => {
    expect(captionParts('Low tide. #Beach and #über_alles, but not a#b or #1')).toEqual([
      { text: 'Low tide. ', tag: null },
      { text: '#Beach', tag: 'beach' },
      { text: ' and ', tag: null },
      { text: '#über_alles', tag: 'über_alles' },
      { text: ', but not a#b or #1', tag: null },
    ])
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('#', 'a', 'ß', '1', ' ', '_', '＃', '&') }), (text) => {
        expect(
          captionParts(text)
            .map((part) => part.text)
            .join(''),
        ).toBe(text)
      }),
    )
  })

  it('orders ids as the numbers they are', () => {
    const id = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
    fc.assert(
      fc.property(id, id, (a, b) => {
        expect(Math.sign(compareIds(String(a), String(b)))).toBe(a < b ? -1 : a > b ? 1 : 0)
      }),
    )
  })
})
