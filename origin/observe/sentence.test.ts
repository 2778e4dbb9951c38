import { expect, it } from 'vitest'
import { sentenceOf, sentenceOfOutage } from './sentence.ts'

it('a fault is told with its causes, and each of several addresses once', () => {
  const refused = () => new Error('connect ECONNREFUSED 127.0.0.1:9')
  expect(sentenceOf(new Error('fetch failed', { cause: refused() }))).toBe(
    'fetch failed: connect ECONNREFUSED 127.0.0.1:9',
  )
  expect(sentenceOf(new AggregateError([refused(), refused(), new Error('no route')]))).toBe(
    'connect ECONNREFUSED 127.0.0.1:9; no route',
  )
  expect([sentenceOf('text'), sentenceOf(new TypeError())]).toEqual(['text', 'TypeError'])
})

it('an outage is told once, although what met it says the same', () => {
  const closed = new Error('Connection is closed.')
  expect(sentenceOfOutage(new Error('Connection is closed.', { cause: closed }))).toBe('Connection is closed.')
})
