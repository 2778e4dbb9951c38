/**
 * Whether the machine is too busy to judge by: then budgets of a second are missed by what is up, and a page comes from a
 * place, or a write is refused, for which the outage is not to blame. Tells by what needs nothing but a turn of the CPU: the
 * api Worker's own /health.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type { Edge } from '../edge.ts'

export interface Strain {
  isOn(): boolean
  stop(): Promise<void>
}

const EVERY_MS = 250
/** Takes a few milliseconds otherwise; the shortest budget of the edge is a second here. */
const LIMIT_MS = 250
/** Breakers that a stall has opened stay open for a while. */
const LASTS_MS = 4_000

export function watchStrain(edge: Edge): Strain {
  let askedMs: number | null = null
  let strainedMs = Number.NEGATIVE_INFINITY
  let isEnding = false
  const done = (async () => {
    while (!isEnding) {
      askedMs = performance.now()
      await edge.fetch('/health').then(
        (answer) => answer.body?.cancel(),
        () => {},
      )
      if (performance.now() - askedMs > LIMIT_MS) strainedMs = performance.now()
      askedMs = null
      await pause(EVERY_MS)
    }
  })()
  return {
    isOn: () => {
      const now = performance.now()
      return now - strainedMs < LASTS_MS || (askedMs !== null && now - askedMs > LIMIT_MS)
    },
    async stop() {
      isEnding = true
      await done
    },
  }
}
