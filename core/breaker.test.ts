import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createBreaker } from './breaker.ts'

const POLICY = { failures: 3, openMs: 1000 }

describe('a circuit breaker', () => {
  it('opens after failures in a row and lets nothing through for its pause', () => {
    let now = 0
    const breaker = createBreaker(POLICY, () => now)
    for (let i = 0; i < 3; i++) {
      expect(breaker.allows()).toBe(true)
      breaker.failed()
    }
    expect(breaker.isOpen()).toBe(true)
    now = 999
    expect(breaker.allows()).toBe(false)
  })

  it('lets one trial through after the pause, and another when that one was lost', () => {
    let now = 0
    const breaker = createBreaker(POLICY, () => now)
    for (let i = 0; i < 3; i++) breaker.failed()
    now = 1000
    expect([breaker.allows(), breaker.allows()]).toEqual([true, false])
    now = 2000
    expect(breaker.allows()).toBe(true)
  })

  it('closes with the first success', () => {
    let now = 0
    const breaker = createBreaker(POLICY, () => now)
    for (let i = 0; i < 3; i++) breaker.failed()
    now = 1000
    breaker.allows()
    breaker.succeeded()
    expect(breaker.isOpen()).toBe(false)
    expect(breaker.allows()).toBe(true)
  })

  it('never blocks while there are fewer failures in a row than the policy names, and never longer than its pause', () => {
    const step = fc.record({ ms: fc.integer({ min: 0, max: 3000 }), ok: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let now = 0
        let inARow = 0
        let blockedSince: number | null = null
        const breaker = createBreaker(POLICY, () => now)
        for (const { ms, ok } of steps) {
          now += ms
          if (!breaker.allows()) {
            expect(inARow).toBeGreaterThanOrEqual(POLICY.failures)
            expect(now - (blockedSince ?? now)).toBeLessThan(POLICY.openMs)
            continue
          }
          if (ok) breaker.succeeded()
          else breaker.failed()
          inARow = ok ? 0 : inARow + 1
          blockedSince = inARow >= POLICY.failures ? now : null
        }
      }),
    )
  })
})
