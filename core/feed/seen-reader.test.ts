import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addSeen, emptySeen, formatSeen, hasSeen, SEEN_ROTATE_MS, seenReader } from './seen.ts'

const ids = fc.uniqueArray(fc.bigInt(1n, (1n << 63n) - 1n).map(String), { maxLength: 60 })

describe('reading stored filters as text', () => {
  it('answers as the decoded filters do, for posts that were added and posts that were not', () => {
    fc.assert(
      fc.property(ids, ids, ids, (older, newer, others) => {
        const before = addSeen(emptySeen(0), older, 0)
        const seen = addSeen(before, newer, SEEN_ROTATE_MS + 1)
        const read = seenReader(formatSeen(seen))
        for (const id of [...older, ...newer, ...others]) expect(read?.hasSeen(id)).toBe(hasSeen(seen, id))
        for (const id of [...older, ...newer]) expect(read?.hasSeen(id)).toBe(true)
        const lately = addSeen(emptySeen(0), newer, 0)
        for (const id of [...older, ...newer, ...others]) expect(read?.lately(id)).toBe(hasSeen(lately, id))
      }),
    )
  })

  it('refuses text of another length or shape', () => {
    const text = formatSeen(emptySeen(5))
    for (const other of ['', 'x', text.slice(1).replace('.', ''), `${text}A`, text.replaceAll('.', '!')]) {
      expect(seenReader(other)).toBeNull()
    }
  })
})
