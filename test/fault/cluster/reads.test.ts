import { expect, it } from 'vitest'
import type { RowOfReads } from '../../../ops/fault-report.ts'
import { countFeed, countPicture, emptyRow, PAGE, wordOfPage } from './reads.ts'

const page = (posts: number) => ({ items: Array.from({ length: posts }, (_, n) => ({ id: String(n) })), cursor: null })

const counted = (answer: string, served: RegExp, isBusy = false) => {
  const tally = emptyRow('any')
  countFeed(tally, answer, served, isBusy)
  return Object.fromEntries(Object.entries(tally).filter(([, count]) => count === 1)) as Partial<RowOfReads>
}

it('calls a page whole that has all its posts once, wherever it comes from', () => {
  expect(wordOfPage(page(PAGE), null, 0)).toBe('200')
  expect(wordOfPage(page(PAGE), 'stale', 0)).toBe('200 stale')
  expect(wordOfPage(page(PAGE - 1), 'stale', 0)).toBe('200 stale 19 posts only')
  expect(wordOfPage({ items: [...page(PAGE - 1).items, { id: '0' }], cursor: null }, null, 0)).toBe('200 a post twice')
})

it('lets a page that is shown again lack what was deleted since, and no other', () => {
  expect(wordOfPage(page(PAGE - 1), 'stale', 1)).toBe('200 stale')
  expect(wordOfPage(page(PAGE - 2), 'stale', 1)).toBe('200 stale 18 posts only')
  expect(wordOfPage(page(PAGE - 1), 'redis', 1)).toBe('200 redis 19 posts only')
  expect(wordOfPage(page(PAGE - 1), null, 1)).toBe('200 19 posts only')
})

it('counts each read as what it was, and apart what the outage does not promise', () => {
  expect(counted('200', /^200$/)).toEqual({ reads: 1, full: 1 })
  expect(counted('200 stale', /stale/)).toEqual({ reads: 1, stale: 1 })
  expect(counted('200 stale', /^200$/)).toEqual({ reads: 1, stale: 1, astray: 1 })
  expect(counted('200 late', /^200$/)).toEqual({ reads: 1, degraded: 1, astray: 1 })
  expect(counted('200 redis, postgres', /^200$/)).toEqual({ reads: 1, degraded: 1, astray: 1 })
  for (const answer of ['503', '500', '429', '0', '200 19 posts only', '200 stale a post twice'])
    expect(counted(answer, /./), answer).toEqual({ reads: 1, failed: 1 })
})

it('excuses a busy machine for what is late or from elsewhere, never for an error or a short page', () => {
  expect(counted('0', /^200$/, true)).toEqual({ reads: 1, excused: 1 })
  expect(counted('200 stale', /^200$/, true)).toEqual({ reads: 1, stale: 1, excused: 1 })
  for (const answer of ['503', '500', '200 19 posts only', '200 stale a post twice'])
    expect(counted(answer, /^200$/, true), answer).toEqual({ reads: 1, failed: 1 })
})

it('excuses a picture that is not answered while the machine is too busy, and counts it', () => {
  const tally = emptyRow('any')
  countPicture(tally, 'a picture', true)
  countPicture(tally, 'no picture: 0', true)
  countPicture(tally, 'no picture: 0', false)
  countPicture(tally, 'no picture: 404', true)
  expect(tally).toMatchObject({ pictures: 4, picturesExcused: 1, picturesFailed: 2 })
})
