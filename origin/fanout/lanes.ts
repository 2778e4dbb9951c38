/**
 * Whose turn it is to write to Redis. Small authors never wait; what is large shares some turns, in the order of its lanes: pages
 * of followers, then readers who follow very many, then the purges. How many turns there are follows from how Redis answers: one
 * more for each round of quick answers, half as many after a slow one (additive increase, multiplicative decrease: Chiu and
 * Jain, 1989), and a single one while its memory is nearly full. What waits here keeps its handler, and so the log from reading on.
 */
import type { Clock } from '#core/ids.ts'
import { RedisAwayError } from '#core/redis.ts'

const SHARED = ['page', 'hot', 'purge'] as const
export type SharedLane = (typeof SHARED)[number]
export type Lane = 'small' | SharedLane

export interface Lanes {
  /** Does the work when its lane's turn has come. It should be a page's writes and no more: nobody is interrupted. */
  run<T>(lane: Lane, work: () => Promise<T>): Promise<T>
  /** While Redis is nearly full, one turn is all. */
  squeeze(isFull: boolean): void
  state(): { turns: number; waiting: Record<SharedLane, number> }
}

export const LANE_LIMITS = Object.freeze({
  /** Pages at Redis at once: enough to keep one busy while the others are read, and no more than some milliseconds of its time. */
  turns: 8,
  /** A page that takes so long says that Redis, or this process, is behind: a quarter of what a pipeline may take at all. */
  slowMs: 500,
  /** One that takes no longer says that there is room. */
  quickMs: 200,
  /** Whoever has waited for so long goes next, whatever the lane: low is not never. */
  patienceMs: 5_000,
})

interface Waiting {
  sinceMs: number
  go(): void
}

export function createLanes(clock: Clock, limits: typeof LANE_LIMITS = LANE_LIMITS): Lanes {
  return new SharedTurns(clock, limits)
}

class SharedTurns implements Lanes {
  readonly #clock: Clock
  readonly #limits: typeof LANE_LIMITS
  readonly #queues: Record<SharedLane, Waiting[]> = { page: [], hot: [], purge: [] }
  #turns: number
  #isFull = false
  #running = 0
  #purging = 0
  #loweredAt = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, limits: typeof LANE_LIMITS) {
    this.#clock = clock
    this.#limits = limits
    this.#turns = limits.turns
  }

  async run<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
    if (lane === 'small') this.#running++
    else await this.#turn(lane)
    const startedMs = this.#clock()
    try {
      const done = await work()
      this.#learn(this.#clock() - startedMs)
      return done
    } catch (error) {
      if (error instanceof RedisAwayError) this.#learn(Number.POSITIVE_INFINITY)
      throw error
    } finally {
      this.#running--
      if (lane === 'purge') this.#purging--
      this.#next()
    }
  }

  squeeze(isFull: boolean): void {
    this.#isFull = isFull
    this.#next()
  }

  state(): { turns: number; waiting: Record<SharedLane, number> } {
    const { page, hot, purge } = this.#queues
    return { turns: this.#allowed(), waiting: { page: page.length, hot: hot.length, purge: purge.length } }
  }

  #turn(lane: SharedLane): Promise<void> {
    return new Promise((resolve) => {
      this.#queues[lane].push({ sinceMs: this.#clock(), go: resolve })
      this.#next()
    })
  }

  #allowed(): number {
    return this.#isFull ? 1 : Math.floor(this.#turns)
  }

  #next(): void {
    while (this.#running < this.#allowed()) {
      const lane = this.#chosen()
      const waiting = lane === undefined ? undefined : this.#queues[lane].shift()
      if (waiting === undefined) return
      this.#running++
      if (lane === 'purge') this.#purging++
      waiting.go()
    }
  }

  #chosen(): SharedLane | undefined {
    const overdue = this.#clock() - this.#limits.patienceMs
    // A page that comes in the middle of many purges finds turns left.
    const purges = this.#purging < Math.max(1, this.#limits.turns / 4)
    const waiting = SHARED.filter((lane) => this.#queues[lane].length > 0 && (lane !== 'purge' || purges))
    return waiting.find((lane) => this.#queues[lane][0]!.sinceMs <= overdue) ?? waiting[0]
  }

  /** From the time that a page took. Once for all that were under way together: they waited for the same. */
  #learn(ms: number): void {
    const { slowMs, quickMs, turns } = this.#limits
    if (ms > slowMs) {
      const nowMs = this.#clock()
      if (nowMs - this.#loweredAt < slowMs) return
      this.#loweredAt = nowMs
      this.#turns = Math.max(1, this.#turns / 2)
    } else if (ms <= quickMs) this.#turns = Math.min(turns, this.#turns + 1 / this.#turns)
  }
}
