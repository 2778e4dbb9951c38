/**
 * How much a process takes on at once, and what it lets go first. The limit finds itself by Little's law: what is under way
 * divided by the time that it takes is what gets done, and more under way than that in the time that a reader may wait only
 * waits. It is cut in one step and grows slowly (as AIMD does: Chiu and Jain 1989). Pure: it holds numbers, the caller counts.
 */
import type { Clock } from './ids.ts'

/** What a request is for, the most important first. */
export const LOAD_CLASSES = ['feed', 'interactive', 'deferrable', 'background'] as const
export type LoadClass = (typeof LOAD_CLASSES)[number]

/**
 * Urgency of each class as RFC 9218 counts it (0 first, 7 last, 3 where nothing is said): how the edge tells the gateways
 * behind it, in the header `Priority`.
 */
export const URGENCY: Readonly<Record<LoadClass, number>> = Object.freeze({
  feed: 1,
  interactive: 3,
  deferrable: 5,
  background: 7,
})

/** The share of a limit that may be in use when work of an urgency begins: what is above is kept for what comes before it. */
export function shareOf(urgency: number): number {
  if (urgency <= URGENCY.feed) return 1
  if (urgency <= URGENCY.interactive) return 0.75
  return urgency <= URGENCY.deferrable ? 0.6 : 0.4
}

const SHARES: Readonly<Record<LoadClass, number>> = Object.freeze({
  feed: shareOf(URGENCY.feed),
  interactive: shareOf(URGENCY.interactive),
  deferrable: shareOf(URGENCY.deferrable),
  background: shareOf(URGENCY.background),
})

export interface LoadPolicy {
  /** Requests under way at most, however quick they are. */
  most: number
  /** The limit never falls below this: so many at once are no load. */
  least: number
  /** Milliseconds that a feed should take at most, the wait included. */
  targetMs: number
}

export interface Load {
  /** Takes a request on, if there is room for its class. Whoever was let in leaves. */
  enter(kind: LoadClass): boolean
  leave(): void
  /**
   * Counts work that goes on behind its answer, whether there is room or not: it is under way. Whoever stays leaves once more
   * than it entered.
   */
  stay(): void
  /** Tells how long a feed took, in milliseconds. Before it leaves. */
  took(ms: number): void
  readonly inFlight: number
  /** Rounded down. */
  readonly limit: number
}

export function createLoad({ most, least, targetMs }: LoadPolicy, clock: Clock): Load {
  let limit = most
  let inFlight = 0
  let cutMs = Number.NEGATIVE_INFINITY
  return {
    enter(kind) {
      if (inFlight >= limit * SHARES[kind]) return false
      inFlight++
      return true
    },
    leave() {
      inFlight--
    },
    stay() {
      inFlight++
    },
    took(ms) {
      // With little under way it is not the number that makes it slow.
      if (2 * inFlight < limit) return
      if (ms <= targetMs) {
        limit = Math.min(most, limit + 1 / limit)
        return
      }
      const now = clock()
      // What began before the last cut says nothing of what has come of it.
      if (now - cutMs < ms) return
      cutMs = now
      limit = Math.min(most, Math.max(least, limit / 2, (inFlight * targetMs) / ms))
    },
    get inFlight() {
      return inFlight
    },
    get limit() {
      return Math.floor(limit)
    },
  }
}
