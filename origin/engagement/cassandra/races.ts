/** What to do about a conditional write that did not apply, or of which nobody knows. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Random } from '#core/ids.ts'
import type { Decision } from './session.ts'

/** Twice as long at each attempt, and by chance, so that those who met do not meet again. */
const BACKOFF_MS = 15
const DOUBLINGS = 5

/**
 * Reads what stands now. After an unknown outcome it waits a little: those come of too many at once on one partition.
 * @param read at serial consistency: it finishes what was cut off, so that what it answers stays
 */
export async function afterRefusal<T>(
  random: Random,
  decision: Decision,
  attempt: number,
  read: () => Promise<T>,
): Promise<T> {
  if (decision === 'unknown') await delay(random() * BACKOFF_MS * 2 ** Math.min(attempt, DOUBLINGS))
  return read()
}
