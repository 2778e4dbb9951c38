import fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { beforeId, decodeCursor, encodeCursor } from './cursor.ts'
import { Problem } from './problem.ts'

const shape = z.tuple([z.string(), z.number().int(), z.boolean()]).readonly()

test('a cursor comes back as it was packed', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.maxSafeInteger(), fc.boolean(), (text, n, flag) => {
      const cursor = encodeCursor('list', [text, n, flag])
      expect(cursor).toMatch(/^[\w-]+$/)
      expect(decodeCursor('list', cursor, shape)).toEqual([text, n, flag])
    }),
  )
})

const refusal = (run: () => unknown) => {
  try {
    run()
  } catch (error) {
    return error instanceof Problem ? error.status : error
  }
  return 'accepted'
}

test('a cursor of another list or shape is refused', () => {
  const cursor = encodeCursor('comments', ['a', 1, true])
  expect(refusal(() => decodeCursor('feed', cursor, shape))).toBe(400)
  expect(refusal(() => decodeCursor('comments', encodeCursor('comments', ['a']), shape))).toBe(400)
  expect(refusal(() => decodeCursor('list', encodeCursor('list', ['9223372036854775808']), beforeId))).toBe(400)
})

test('whatever a client sends is a cursor or a Problem 400', () => {
  const packed = fc.json().map((json) => btoa(unescape(encodeURIComponent(json))))
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String(), packed), (text) => {
      expect([400, 'accepted']).toContain(refusal(() => decodeCursor('list', text, shape)))
    }),
    { numRuns: 500 },
  )
})
