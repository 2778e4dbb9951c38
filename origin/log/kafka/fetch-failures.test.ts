import { expect, it } from 'vitest'
import { FAILURES_AT_MOST, fetchFailures } from './fetch-failures.ts'

function watched() {
  const told: number[] = []
  const ends: unknown[] = []
  const failures = fetchFailures({
    failing: (_, count) => told.push(count),
    hopeless: (error) => ends.push(error),
  })
  return { told, ends, ...failures }
}
const error = new Error('TOPIC_AUTHORIZATION_FAILED')

it('says nothing of a leader that moves, and more and more seldom that fetches go on failing', () => {
  const { told, ends, failed } = watched()
  for (let n = 0; n < 3; n++) failed(1, error)
  expect(told).toEqual([])
  for (let n = 0; n < 97; n++) failed(1, error)
  expect(told).toEqual([4, 8, 16, 32, 64])
  expect(ends).toEqual([])
})

it('ends a membership of which nothing but failures comes, however well another broker answers', () => {
  const { ends, failed, succeeded } = watched()
  for (let n = 0; n < FAILURES_AT_MOST; n++) {
    succeeded(2)
    failed(1, error)
  }
  expect(ends).toEqual([error])
})

it('begins to count anew when a fetch succeeds', () => {
  const { told, ends, failed, succeeded } = watched()
  for (let n = 0; n < FAILURES_AT_MOST; n++) {
    if (n % 3 === 0) succeeded(1)
    failed(1, error)
  }
  expect([told, ends]).toEqual([[], []])
})
