import { describe, expect, it } from 'vitest'
import { retryDelaySeconds } from './retry-delay.ts'

const longest = (attempts: number) => retryDelaySeconds(attempts, () => 1)

describe('retry delay', () => {
  it('starts at a second and stays short through the outages that happen', () => {
    expect([1, 2, 3, 10, 20].map(longest)).toEqual([1, 2, 3, 10, 20])
  })

  it('then doubles up to 15 minutes', () => {
    expect([21, 22, 25, 26, 99].map(longest)).toEqual([40, 80, 640, 900, 900])
  })

  it('spreads what failed together, without ever trying at once', () => {
    expect(retryDelaySeconds(100, () => 0)).toBe(675)
    expect(retryDelaySeconds(1, () => 0)).toBe(1)
  })

  it('keeps a message for more than half a day before its hundred tries are used up', () => {
    let seconds = 0
    for (let attempts = 1; attempts <= 100; attempts++) seconds += retryDelaySeconds(attempts, () => 0)
    expect(seconds).toBeGreaterThan(12 * 3600)
  })
})
