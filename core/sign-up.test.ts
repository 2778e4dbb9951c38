import { describe, expect, it } from 'vitest'
import { foldLogin, isPassword, isUsername } from './sign-up.ts'

describe('a user name', () => {
  it('has 3 to 50 letters, digits, underscores and dots, none of them at an end', () => {
    const fits = ['ada', 'Ada', ' ada ', 'a.b', '_a_', '１２３', 'x'.repeat(50)]
    const doesNot = ['', 'a', 'ab', 'x'.repeat(51), '.ada', 'ada.', 'a b', 'añb', 'a-b', 'a\nb']
    expect(fits.filter((name) => !isUsername(name))).toEqual([])
    expect(doesNot.filter(isUsername)).toEqual([])
  })

  it('is the same whichever keyboard wrote it', () => {
    expect(foldLogin(' ＡdA ')).toBe('ada')
  })
})

describe('a password', () => {
  it('has 8 to 128 characters, whatever they are', () => {
    expect(['seven77', 'eight888', '🦀'.repeat(8), '🦀'.repeat(128), '🦀'.repeat(129)].map(isPassword)).toEqual([
      ...[false, true, true, true, false],
    ])
  })
})
