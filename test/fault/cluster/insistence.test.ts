import { expect, it } from 'vitest'
import { againMs, turns } from './insistence.ts'

const refusal = (retryAfter: string) => ({ headers: new Headers({ 'retry-after': retryAfter }) })

it('waits ever longer, and as long as the server asks for, but never beyond two seconds', () => {
  expect([1, 2, 3, 4, 5, 60].map((tries) => againMs(tries, null, 1))).toEqual([250, 500, 1_000, 2_000, 2_000, 2_000])
  expect(againMs(4, null, 0)).toBe(1_000)
  expect(againMs(1, refusal('1'), 0)).toBe(1_000)
  expect(againMs(1, refusal('30'), 0)).toBe(2_000)
  expect(againMs(1, refusal('Wed, 21 Oct 2026 07:28:00 GMT'), 0)).toBe(125)
})

it('makes no more than half of the 300 requests a minute that one person is allowed, however long nothing answers', () => {
  let [passedMs, tries] = [0, 0]
  while (passedMs < 60_000) passedMs += againMs(++tries, null, 0)
  expect(tries * 2).toBeLessThan(150)
})

it('begins nothing of a person before what was begun earlier has ended, well or not', async () => {
  const inTurn = turns<string>()
  const told: string[] = []
  const work =
    (name: string, fails = false) =>
    async () => {
      told.push(`${name} begins`)
      await Promise.resolve()
      told.push(`${name} ends`)
      if (fails) throw new Error(name)
    }
  const all = [inTurn('ann', work('one', true)), inTurn('ann', work('two')), inTurn('bob', work('other'))]
  await Promise.allSettled(all)
  expect(told.filter((line) => !line.startsWith('other'))).toEqual(['one begins', 'one ends', 'two begins', 'two ends'])
  expect(told.indexOf('other begins')).toBeLessThan(told.indexOf('two begins'))
})
