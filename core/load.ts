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
  /** No slow feed brings the limit below this: so many at once are no load. */
  least: number
  /** Milliseconds that a feed should take at most, the wait included. */
  targetMs: number
  /** Milliseconds by which the process may be late with what it has to do, before it takes on less. */
  lagMs: number
}

/** The minute in which it was taken. */
export type Place = number

/**
 * A place is forgotten in the second minute after it was taken: no request lasts so long, and one that was ended before it could
 * leave would have it for as long as the process lives.
 */
const FORGET_MS = 60_000

/**
 * Below this the limit never falls, and for fewer that wait it never does: a process that is late with less is held up by something
 * else, a collector or its neighbours on the core, which no refusal helps.
 */
const FEWEST = 16
/** Fewer under way than this tell nothing of how late it is. */
const BUSY = 8
/** How long a measurement of it holds, and how long the next one waits for it. */
const LAG_HOLDS_MS = 500
/** How long what it cut is left as it is: most of what had been let in before is done by then. */
const LATE_CUT_HOLDS_MS = 100
/** After so long without a cut or a refusal, and again and again, the limit is doubled: it was a pause's, and does nothing now. */
const FORGIVEN_MS = 1_000
/** Over how long arrivals are counted. */
const ARRIVALS_MS = 500

export interface Load {
  /** Takes a request on and gives it a place, if there is room for its class; else null. */
  enter(kind: LoadClass): Place | null
  /** Once for each place. */
  leave(place: Place): void
  /** A place for work that goes on behind its answer, whether there is room or not: it is under way. */
  stay(): Place
  /** Tells how long a feed took, in milliseconds. Before it leaves. */
  took(ms: number): void
  /** Whether the caller is to look by how much a timer comes late, and tell it to `late`: one caller at a time. */
  asksHowLate(): boolean
  /**
   * Tells by how many milliseconds a timer came late: for so long, about, everything waits that comes in, before the process
   * knows of it.
   */
  late(ms: number): void
  /** Milliseconds by which the process was late lately: the worst, which fades. 0 where nobody has looked for long. */
  readonly lagMs: number
  readonly inFlight: number
  /** Rounded down. */
  readonly limit: number
}

export function createLoad(policy: LoadPolicy, clock: Clock): Load {
  const limit = createLimit(policy, clock)
  const places = createPlaces(clock)
  const arrivals = createArrivals(clock)
  const lag = createLag(clock)
  return {
    enter(kind) {
      arrivals.one()
      limit.forgive()
      if (places.taken() < limit.value() * SHARES[kind]) return places.take()
      // What nobody waits for is no sign that somebody does.
      if (kind !== 'background') limit.felt()
      return null
    },
    leave: places.giveBack,
    stay: places.take,
    took(ms) {
      const inFlight = places.taken()
      // With little under way it is not the number that makes it slow.
      if (2 * inFlight < limit.value()) return
      if (ms > policy.targetMs) limit.cutForSlow(ms, inFlight)
      else if (lag.lastMs() <= policy.lagMs) limit.grow()
    },
    asksHowLate: () => places.taken() >= BUSY && lag.isDue(),
    late(ms) {
      // Once is a pause of the collector's or somebody else's turn on the core; what is late again and again has too much to do.
      const standingMs = Math.min(lag.lastMs(), ms)
      lag.told(ms)
      // Where nobody reads feeds, nothing else would ever raise it.
      if (ms <= policy.lagMs && 2 * places.taken() >= limit.value()) limit.grow()
      if (standingMs > policy.lagMs && arrivals.perMs() * standingMs >= FEWEST) limit.cutForLate(standingMs)
    },
    get lagMs() {
      return lag.worstMs()
    },
    get inFlight() {
      return places.taken()
    },
    get limit() {
      return Math.floor(limit.value())
    },
  }
}

/** How many may be under way. */
function createLimit({ most, least, targetMs, lagMs }: LoadPolicy, clock: Clock) {
  let limit = most
  let slowCutMs = Number.NEGATIVE_INFINITY
  let lateCutMs = Number.NEGATIVE_INFINITY
  /** When it was last cut, or kept somebody out, or was doubled. */
  let feltMs = clock()
  const cutTo = (room: number, floor: number) => {
    limit = Math.min(limit, Math.max(floor, limit / 2, room))
    feltMs = clock()
  }
  return {
    value: () => limit,
    felt() {
      feltMs = clock()
    },
    grow() {
      limit = Math.min(most, limit + 1 / limit)
    },
    forgive() {
      if (limit === most) return
      const now = clock()
      // A clock may be set back.
      if (Math.abs(now - feltMs) < FORGIVEN_MS) return
      feltMs = now
      limit = Math.min(most, limit * 2)
    },
    cutForSlow(ms: number, inFlight: number) {
      const now = clock()
      // What began before the last cut says nothing of what has come of it.
      if (now - slowCutMs < ms) return
      slowCutMs = now
      cutTo((inFlight * targetMs) / ms, least)
    },
    cutForLate(standingMs: number) {
      const now = clock()
      // One pause is measured more than once, and what had come in before the last cut still waits its turn.
      if (now - lateCutMs < LATE_CUT_HOLDS_MS) return
      lateCutMs = now
      cutTo((limit * lagMs) / standingMs, FEWEST)
    },
  }
}

/** Places that are taken, by the minute. */
function createPlaces(clock: Clock) {
  let minute = 0
  let ofThisMinute = 0
  let ofLastMinute = 0
  const forget = () => {
    const now = Math.floor(clock() / FORGET_MS)
    // A clock may be set back: were the minute, too, its places would be given back to another one.
    if (now <= minute) return
    ofLastMinute = now === minute + 1 ? ofThisMinute : 0
    ofThisMinute = 0
    minute = now
  }
  return {
    taken() {
      forget()
      return ofThisMinute + ofLastMinute
    },
    take(): Place {
      forget()
      ofThisMinute++
      return minute
    },
    giveBack(place: Place) {
      forget()
      if (place === minute) ofThisMinute--
      else if (place === minute - 1) ofLastMinute--
    },
  }
}

/** How many requests come, let in or not: counted by the half second, the last one fading as this one goes on. */
function createArrivals(clock: Clock) {
  let sinceMs = clock()
  let ofThis = 0
  let ofLast = 0
  const turn = () => {
    const passedMs = clock() - sinceMs
    if (passedMs >= 0 && passedMs < ARRIVALS_MS) return passedMs
    ofLast = passedMs >= 0 && passedMs < 2 * ARRIVALS_MS ? ofThis : 0
    ofThis = 0
    sinceMs += passedMs
    return 0
  }
  return {
    one() {
      turn()
      ofThis++
    },
    perMs() {
      const passedMs = turn()
      return (ofThis + ofLast * (1 - passedMs / ARRIVALS_MS)) / ARRIVALS_MS
    },
  }
}

/** What is left of the worst lag at the next measurement: half after seven, which are a fifth of a second. */
const FADING = 0.9

/** How late a process is. */
function createLag(clock: Clock) {
  let lastMs = 0
  let worstMs = 0
  let toldMs = Number.NEGATIVE_INFINITY
  let askedMs: number | null = null
  const holds = () => clock() - toldMs < LAG_HOLDS_MS
  return {
    lastMs: () => (holds() ? lastMs : 0),
    worstMs: () => (holds() ? worstMs : 0),
    /** One that was asked and does not tell was ended. */
    isDue() {
      const now = clock()
      if (askedMs !== null && now - askedMs < LAG_HOLDS_MS) return false
      askedMs = now
      return true
    },
    told(ms: number) {
      worstMs = Math.max(ms, holds() ? worstMs * FADING : 0)
      lastMs = ms
      toldMs = clock()
      askedMs = null
    },
  }
}
