import { queryObjects } from 'node:v8'
import { expect, test } from 'vitest'
import { OldestFirst } from './oldest-first.ts'

class Held {
  readonly at: number
  constructor(at: number) {
    this.at = at
  }
}

/** Sixty-four entries, of which the oldest have been taken out by the hand. */
function filled(): OldestFirst<number, Held> {
  const map = new OldestFirst<number, Held>()
  for (let i = 0; i < 80; i++) map.set(i, new Held(i))
  for (let i = 0; i < 16; i++) map.shift()
  return map
}

test('the oldest goes first, and null where there is none', () => {
  const map = new OldestFirst<string, number>()
  map.set('a', 1).set('b', 2).set('c', 3).delete('b')
  expect([map.shift(), map.shift(), map.shift()]).toEqual([['a', 1], ['c', 3], null])
  map.set('d', 4)
  expect([map.shift(), map.size]).toEqual([['d', 4], 0])
})

test.each([
  ['renewed', (i: number) => [16 + (i % 64), 16 + (i % 64)]],
  ['replaced by others', (i: number) => [16 + i, 80 + i]],
])('it holds on to nothing of entries that are %s while none of them is taken as the oldest', (_, keysOf) => {
  const map = filled()
  for (let i = 0; i < 5_000; i++) {
    const [old = 0, young = 0] = keysOf(i)
    map.delete(old)
    map.set(young, new Held(i))
  }
  expect(map.size).toBe(64)
  expect(queryObjects(Held, { format: 'count' })).toBeLessThan(200)
  expect(map.shift()?.[1].at).toBe(5_000 - 64)
})
