/**
 * A circuit breaker (Nygard, Release It!): after some failures in a row a dependency is left alone for a while, so that
 * requests fail at once instead of each waiting for its own time-out. Pure: it holds numbers, the caller does the call.
 */
import type { Clock } from './ids.ts'

export interface BreakerPolicy {
  /** Failures in a row that open the breaker. */
  readonly failures: number
  /** Milliseconds that it stays open; then one trial at a time is let through. */
  readonly openMs: number
}

export interface Breaker {
  /** May a call be made now? While half open it answers yes once per `openMs`. */
  allows(): boolean
  succeeded(): void
  failed(): void
  /** True from opening until a call has succeeded. */
  isOpen(): boolean
}

/** @param opened is told each time that it opens after having been closed */
export function createBreaker(policy: BreakerPolicy, clock: Clock, opened: () => void = () => {}): Breaker {
  let failures = 0
  let retryAt = 0
  const isOpen = () => failures >= policy.failures
  return {
    isOpen,
    allows() {
      if (!isOpen()) return true
      const now = clock()
      if (now < retryAt) return false
      // The trial may be lost with its request: another one is due after the same pause.
      retryAt = now + policy.openMs
      return true
    },
    succeeded() {
      failures = 0
    },
    failed() {
      failures++
      if (failures === policy.failures) opened()
      if (isOpen()) retryAt = clock() + policy.openMs
    },
  }
}
