import fc from 'fast-check'
import { expect, it } from 'vitest'
import { scanPage } from './scan.ts'

it('a sweep returns every element that stays, while others come and go', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 900 }), (count, size) => {
      const staying = Array.from({ length: size }, (_, i) => `key:${i}`)
      const elements = new Set([...staying, ...Array.from({ length: 50 }, (_, i) => `gone:${i}`)])
      const found = new Set<string>()
      let [cursor, round] = [0, 0]
      do {
        const options = { cursor, match: undefined, count, type: undefined }
        const answer = scanPage(elements, elements.size, options, 0)
        for (const element of answer.page) found.add(element)
        cursor = answer.cursor
        elements.delete(`gone:${round}`)
        elements.add(`new:${round++}`)
      } while (cursor !== 0)
      expect(staying.filter((element) => !found.has(element))).toEqual([])
    }),
    { numRuns: 40 },
  )
})
