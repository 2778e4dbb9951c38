import { expect, test } from 'vitest'
import type { Id } from '../ids.ts'
import { applyRules, attach, type Candidate, isNews, isReady, notHidden, notPrivate, notUnfollowed } from './index.ts'
import { at, item, post, viewer } from './testing.ts'

test('each rule drops what it is there for', () => {
  const hides = (everywhere: Id[], unfollowed: Id[] = []) =>
    viewer({ hidden: { everywhere: new Set(everywhere), unfollowed: new Set(unfollowed) } })
  const me = viewer({ id: '9' })
  const gone = hides([], ['9'])
  const cases: [boolean, boolean][] = [
    [notHidden.allows(item(), hides(['9'])), false],
    [notHidden.allows(item({}, 'recommended'), hides(['9'])), false],
    [notHidden.allows(item(), hides(['8'])), true],
    [notUnfollowed.allows(item(), gone), false],
    [notUnfollowed.allows(item({}, 'celebrity'), gone), false],
    [notUnfollowed.allows(item({}, 'recommended'), gone), true],
    [notPrivate.allows(item({ authorPrivate: true }, 'trending'), viewer()), false],
    [notPrivate.allows(item({ authorPrivate: true }), viewer()), true],
    [notPrivate.allows(item({ authorPrivate: true }, 'trending'), me), true],
    [isReady.allows(item({ awaitsMedia: true }), viewer()), false],
    [isReady.allows(item({ awaitsMedia: true }), me), true],
    [isNews.allows(item({}, 'recommended'), viewer({ hasSeen: () => true })), false],
    [isNews.allows(item({}, 'tag'), viewer({ liked: new Set([at(0)]) })), false],
    [isNews.allows(item({}, 'trending'), me), false],
    [isNews.allows(item(), viewer({ hasSeen: () => true, liked: new Set([at(0)]) })), true],
  ]
  cases.forEach(([got, expected], i) => {
    expect(got, `case ${i}`).toBe(expected)
  })
})

test('what is dropped is told once, with the rule’s name; candidates without a post are left out', () => {
  const dropped: string[] = []
  const posts = [post({ authorPrivate: true, awaitsMedia: true }), undefined]
  const candidates: Candidate[] = [at(0), at(1)].map((id) => ({ id, reason: 'trending', relevance: 0 }))
  const items = attach(candidates, posts, '1')
  expect(applyRules(items, viewer(), (rule) => dropped.push(rule))).toEqual([])
  expect(dropped).toEqual(['private'])
  expect(attach(candidates, posts, '9')[0]?.candidate.reason).toBe('own')
})
