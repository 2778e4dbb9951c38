import { expect, it } from 'vitest'
import { sparingly } from './sparingly.ts'

it('passes on each error when it begins, ever less often while it goes on, and anew after a quiet minute', () => {
  let now = 0
  const told: [string, number][] = []
  const fail = sparingly(
    () => now,
    (error, times) => told.push([error.message, times]),
  )
  for (let i = 0; i < 120; i++) {
    now += 2_000
    fail(new Error('refused'))
  }
  expect(told).toEqual([
    ['refused', 1],
    ['refused', 10],
    ['refused', 100],
  ])
  fail(new Error('reset'))
  now += 60_000
  fail(new Error('refused'))
  expect(told.slice(3)).toEqual([
    ['reset', 1],
    ['refused', 1],
  ])
})
