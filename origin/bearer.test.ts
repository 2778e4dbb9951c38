import { describe, expect, it } from 'vitest'
import { bearerMatcher } from './bearer.ts'

describe('bearerMatcher', () => {
  it('accepts each token of its list, bare or with its scheme, and nothing else', () => {
    const matches = bearerMatcher(['one', 'two', ''])
    expect(['one', 'Bearer two', 'bearer one'].map(matches)).toEqual([true, true, true])
    expect([undefined, '', 'Bearer ', 'on', 'onee', 'Basic one', 'one,two'].map(matches)).not.toContain(true)
    expect(bearerMatcher([])('one')).toBe(false)
  })
})
