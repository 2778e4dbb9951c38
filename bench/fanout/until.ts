import { setTimeout as delay } from 'node:timers/promises'

/** Between two looks: the resolution of the measurement. */
const LOOK_EVERY_MS = 2
const PATIENCE_MS = 30_000

/** Looks again and again until it holds. @throws Error with `otherwise` after half a minute */
export async function until(holds: () => Promise<boolean>, otherwise: string, everyMs = LOOK_EVERY_MS): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(otherwise)
    await delay(everyMs)
  }
}
