import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MOST_IN_A_ROW, spreadAuthors } from './spread.ts'

interface Made {
  author: string
  n: number
}
const authors = fc.constantFrom('a', 'a', 'a', 'b', 'c', 'd')
const lists = fc.array(authors, { maxLength: 60 }).map((list) => list.map((author, n): Made => ({ author, n })))
const authorOf = ({ author }: Made) => author
const lastOf = (list: readonly string[]) => list.slice(-MOST_IN_A_ROW)
const isRow = (list: readonly string[], author: string) =>
  list.length === MOST_IN_A_ROW && list.every((one) => one === author)

test('nobody stands in a row more than twice while somebody else is left, after what was shown before, too', () => {
  fc.assert(
    fc.property(lists, fc.array(authors, { maxLength: 4 }), (items, before) => {
      const spread = spreadAuthors(items, authorOf, before)
      const names = [...before, ...spread.map(authorOf)]
      spread.forEach(({ author }, i) => {
        const left = names.slice(before.length + i)
        if (left.some((other) => other !== author)) {
          expect(isRow(lastOf(names.slice(0, before.length + i)), author)).toBe(false)
        }
      })
    }),
  )
})

test('each item stays once, and each author’s in their order', () => {
  fc.assert(
    fc.property(lists, (items) => {
      const spread = spreadAuthors(items, authorOf)
      for (const name of ['a', 'b', 'c', 'd']) {
        const of = (list: readonly Made[]) => list.filter(({ author }) => author === name)
        expect(of(spread)).toEqual(of(items))
      }
      expect(spread).toHaveLength(items.length)
    }),
  )
})

test('what needs no spreading stays as it is, and what does moves behind the next of another author only', () => {
  fc.assert(
    fc.property(lists, (items) => {
      const spread = spreadAuthors(items, authorOf)
      expect(spreadAuthors(spread, authorOf)).toEqual(spread)
    }),
  )
  const of = (text: string) => spreadAuthors([...text], (name) => name).join('')
  expect(of('aabbaabb')).toBe('aabbaabb')
  expect(of('aaaab')).toBe('aabaa')
  expect(of('aaaaabbbbc')).toBe('aabaababbc')
  expect(of('aaaa')).toBe('aaaa')
  expect(of('abcaaa')).toBe('abcaaa')
})
