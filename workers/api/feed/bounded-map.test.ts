import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BoundedMap } from './bounded-map.ts'

test('a full map forgets what was set first, and setting what is there forgets nothing', () => {
  const map = new BoundedMap<string, number>(2)
  map.set('a', 1).set('b', 2).set('a', 3)
  expect([...map]).toEqual([
    ['a', 3],
    ['b', 2],
  ])
  map.set('c', 4)
  expect([...map.keys()]).toEqual(['b', 'c'])
})

const key = fc.integer({ min: 0, max: 9 })
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('set' as const), key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clear' as const), key }) },
)

test('whatever is set, taken out and cleared, it holds the newest, in the order in which they came', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4 }), fc.array(step, { maxLength: 60 }), (most, steps) => {
      const map = new BoundedMap<number, number>(most)
      let expected: [number, number][] = []
      for (const [i, { do: what, key: k }] of steps.entries()) {
        if (what === 'set') {
          map.set(k, i)
          const found = expected.find(([known]) => known === k)
          if (found !== undefined) found[1] = i
          else expected = [...(expected.length >= most ? expected.slice(1) : expected), [k, i]]
        } else if (what === 'delete') {
          map.delete(k)
          expected = expected.filter(([known]) => known !== k)
        } else {
          map.clear()
          expected = []
        }
      }
      expect([...map]).toEqual(expected)
    }),
  )
})
