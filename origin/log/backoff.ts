import type { Random } from '#core/ids.ts'

export interface BackoffPolicy {
  /** Milliseconds before the second try. */
  firstMs: number
  /** Milliseconds that no pause exceeds. */
  maxMs: number
}

/**
 * Exponential backoff with jitter over the upper half: soon enough for a hiccup, spread out after an outage.
 * @param attempt tries made so far, from 1
 */
export function backoffMs(attempt: number, policy: BackoffPolicy, random: Random): number {
  const full = Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(attempt - 1, 30))
  return Math.round(full * (0.5 + random() / 2))
}

/** Waits, or returns at once when the signal is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
