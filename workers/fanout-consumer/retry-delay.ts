import type { Random } from '#core/ids.ts'

/** Cloudflare's longest delay is 12 hours; 15 minutes keep a message's next try near the end of an outage. */
const LONGEST = 900
/** Tries for which an outage is taken to be a short one. */
const SHORT = 20

/**
 * Seconds until a message is tried again. They grow by one a second for the first 20 tries (3.5 minutes), so that a
 * restart at the origin costs a message seconds; then they double up to 15 minutes, which spreads the 100 tries that a queue
 * allows over most of a day.
 *
 * @param attempts tries made so far, from 1
 */
export function retryDelaySeconds(attempts: number, random: Random): number {
  const full = attempts <= SHORT ? attempts : SHORT * 2 ** (attempts - SHORT)
  // Jitter over the upper quarter: what failed together must not come back together.
  return Math.max(1, Math.round(Math.min(LONGEST, full) * (0.75 + random() / 4)))
}
