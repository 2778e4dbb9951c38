import { expect, it } from 'vitest'
import { type Problem, problems } from '#core/problem.ts'
import { againMs, insisting, turns } from './insistence.ts'

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

it('asks again, some times, what was too much at once, and nothing that was refused for another reason', async () => {
  const refused = (problem: Problem) =>
    Response.json(problem.toJSON(), { status: problem.status, headers: problem.headers })
  const overloaded = () => refused(problems.overloaded())
  const askedOf = async (answers: Response[]) => {
    const [left, pauses]: [Response[], number[]] = [[...answers], []]
    const fetch = insisting(
      async () => left.shift() ?? Response.error(),
      async (ms) => pauses.push(ms),
    )
    return { status: (await fetch('/v1/me')).status, pauses: pauses.length, left: left.length }
  }
  const fine = () => Response.json({})
  expect(await askedOf([overloaded(), overloaded(), fine()])).toEqual({ status: 200, pauses: 2, left: 0 })
  expect(await askedOf([refused(problems.away('Search', 1)), fine()])).toEqual({ status: 503, pauses: 0, left: 1 })
  const proxys = () => new Response('<html>busy</html>', { status: 503 })
  expect(await askedOf([proxys(), fine()])).toEqual({ status: 503, pauses: 0, left: 1 })
  const always = Array.from({ length: 9 }, overloaded)
  expect(await askedOf(always)).toEqual({ status: 503, pauses: 5, left: 3 })
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
