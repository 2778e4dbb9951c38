/** Of what happens again and again while something is away: told as often as an operator can read. */
import type { Clock } from '#core/ids.ts'

/** So long without the same error, and it begins anew. Clients knock every other second at least. */
const QUIET_MS = 60_000

/**
 * Passes on the first error of each message, the tenth, the hundredth and so on.
 * @param tell takes the error, and how many times it came
 */
export function sparingly(clock: Clock, tell: (error: Error, times: number) => void): (error: Error) => void {
  const seen = new Map<string, { times: number; lastMs: number }>()
  return (error) => {
    const nowMs = clock()
    for (const [message, { lastMs }] of seen) if (nowMs - lastMs >= QUIET_MS) seen.delete(message)
    const times = (seen.get(error.message)?.times ?? 0) + 1
    seen.set(error.message, { times, lastMs: nowMs })
    if (isTold(times)) tell(error, times)
  }
}

/** Whether the nth of the same is told: 1, 10, 100 … */
export const isTold = (times: number): boolean => Number.isInteger(Math.log10(times))
