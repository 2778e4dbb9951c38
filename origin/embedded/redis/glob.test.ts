import { expect, it } from 'vitest'
import { globMatches } from './glob.ts'

it.each([
  ['*', '', true],
  ['user:*', 'user:1', true],
  ['user:?', 'user:12', false],
  ['h[ae]llo', 'hello', true],
  ['h[^e]llo', 'hello', false],
  ['h[a-c]llo', 'hbllo', true],
  ['h[c-a]llo', 'hbllo', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['a.b', 'axb', false],
  ['[]x', 'x', false],
  ['line*end', 'line\nend', true],
  ['[abc', 'b', true],
])('the pattern %s on %s: %s', (pattern, text, matches) => {
  expect(globMatches(pattern, text)).toBe(matches)
})
