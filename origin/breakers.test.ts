import { describe, expect, it } from 'vitest'
import { problems } from '#core/problem.ts'
import { createBreakers, guarded } from './breakers.ts'
import { createMetrics } from './observe/metrics.ts'
import { isAway } from './outages.ts'

/** A store in the manner of ours: a class with hidden fields, of which not every method goes anywhere. */
class Store {
  #asked = 0
  answer: () => Promise<string> = async () => 'found'
  get asked() {
    return this.#asked
  }
  find(key: string): Promise<string> {
    this.#asked++
    return this.answer().then((found) => `${found} ${key}`)
  }
  nameOf(key: string): string {
    return `name of ${key}`
  }
}

function stage() {
  const time = { now: 0 }
  const metrics = createMetrics()
  const breakers = createBreakers(metrics, () => time.now)
  const store = new Store()
  const breaker = breakers.of('store')
  const port = guarded(store, ['find'], { breaker, away: () => problems.away('The store', 1) })
  const gauge = async () => /tideline_breaker_open\{dependency="store"\} (\d)/.exec((await metrics.expose()).body)?.[1]
  const failures = async () =>
    /tideline_breaker_failures_total\{dependency="store"\} (\d+)/.exec((await metrics.expose()).body)?.[1]
  return { time, breakers, store, port, gauge, failures }
}
const GONE = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })

describe('a store under a circuit breaker', () => {
  it('answers as it is while it answers', async () => {
    const { port, breakers, gauge, failures } = stage()
    expect([await port.find('a'), port.nameOf('a'), port.asked]).toEqual(['found a', 'name of a', 1])
    expect([breakers.open(), await gauge(), await failures()]).toEqual([[], '0', '0'])
  })

  it('is left alone after five outages in a row, which callers hear at once, and metrics and health say', async () => {
    const { port, store, breakers, gauge } = stage()
    store.answer = () => Promise.reject(GONE)
    for (let i = 0; i < 5; i++) await expect(port.find('a')).rejects.toBe(GONE)
    const refusal = await port.find('a').catch((error: unknown) => error)
    expect([isAway(refusal), store.asked, breakers.open(), await gauge()]).toEqual([true, 5, ['store'], '1'])
    expect(port.nameOf('a')).toBe('name of a')
  })

  it('is asked once a second then, and as before when it has answered, be it with a refusal', async () => {
    const { port, store, breakers, gauge, failures, time } = stage()
    store.answer = () => Promise.reject(GONE)
    for (let i = 0; i < 8; i++) await port.find('a').catch(() => {})
    expect(store.asked).toBe(5)
    time.now = 1_000
    await port.find('a').catch(() => {})
    await port.find('a').catch(() => {})
    expect([store.asked, await failures()]).toEqual([6, '6'])
    time.now = 2_000
    store.answer = () => Promise.reject(problems.conflict('taken', 'It is there.'))
    await expect(port.find('a')).rejects.toMatchObject({ status: 409 })
    expect([breakers.open(), await gauge()]).toEqual([[], '0'])
  })

  it('is one breaker for all that ask for it by the same name', () => {
    const { breakers } = stage()
    expect(breakers.of('store')).toBe(breakers.of('store'))
  })
})
