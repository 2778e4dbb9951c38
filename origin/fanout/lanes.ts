/**
 * Whose turn it is to write to Redis. What is large shares some turns, in the order of its lanes: pages of followers, then readers
 * who follow very many, then purges; small authors take none, and never wait. How many turns there are follows from how Redis
 * answers: half as many after a slow answer, one more for each round of turns without any (additive increase, multiplicative
 * decrease: Chiu and Jain, 1989), and a single one while its memory is nearly full. What waits here keeps its handler, and so the
 * log from reading on.
 */
import type { Clock } from '#core/ids.ts'
import type { RedisPort } from '#core/redis.ts'

const LANES = ['page', 'hot', 'purge'] as const
export type Lane = (typeof LANES)[number]

export interface Lanes {
  /** Does the work when its lane's turn has come. It should be a page's writes and no more: nobody is interrupted. */
  run<T>(lane: Lane, work: () => Promise<T>): Promise<T>
  /** The same Redis, by whose answers the number of turns is found: also those to work that needs no turn. */
  timed(redis: RedisPort): RedisPort
  /** While Redis is nearly full, one turn is all. */
  squeeze(isFull: boolean): void
  state(): { turns: number; waiting: Record<Lane, number> }
}

export const LANE_LIMITS = Object.freeze({
  /** Pages at Redis at once: enough to keep one busy while the others are read, and no more than some milliseconds of its time. */
  turns: 8,
  /** A pipeline that takes so long says that Redis, or this process, is behind: a quarter of what one may take at all. */
  slowMs: 500,
  /** Whoever has waited for so long goes before those who came later, whatever the lane: low is not never. */
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
  readonly #queues: Record<Lane, Waiting[]> = { page: [], hot: [], purge: [] }
  #turns: number
  #isFull = false
  #running = 0
  #purging = 0
  #slowAt = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, limits: typeof LANE_LIMITS) {
    this.#clock = clock
    this.#limits = limits
    this.#turns = limits.turns
  }

  async run<T>(lane: Lane, work: () => Promise<T>): Promise<T> {
    await this.#turn(lane)
    const startedMs = this.#clock()
    try {
      const done = await work()
      if (this.#slowAt < startedMs) this.#turns = Math.min(this.#limits.turns, this.#turns + 1 / this.#turns)
      return done
    } finally {
      this.#running--
      if (lane === 'purge') this.#purging--
      this.#next()
    }
  }

  timed(redis: RedisPort): RedisPort {
    return {
      pipeline: async (commands) => {
        const startedMs = this.#clock()
        try {
          return await redis.pipeline(commands)
        } finally {
          this.#took(startedMs)
        }
      },
    }
  }

  squeeze(isFull: boolean): void {
    this.#isFull = isFull
    this.#next()
  }

  state(): { turns: number; waiting: Record<Lane, number> } {
    const { page, hot, purge } = this.#queues
    return { turns: this.#allowed(), waiting: { page: page.length, hot: hot.length, purge: purge.length } }
  }

  #turn(lane: Lane): Promise<void> {
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

  /** The first lane in which somebody waits; but of those who have waited for too long, whoever has for longest. */
  #chosen(): Lane | undefined {
    const overdue = this.#clock() - this.#limits.patienceMs
    // A page that comes in the middle of many purges finds turns left.
    const purges = this.#purging < Math.max(1, this.#limits.turns / 4)
    const waiting = LANES.filter((lane) => this.#queues[lane].length > 0 && (lane !== 'purge' || purges))
    const since = (lane: Lane) => this.#queues[lane][0]!.sinceMs
    const late = waiting.filter((lane) => since(lane) <= overdue).sort((a, b) => since(a) - since(b))
    return late[0] ?? waiting[0]
  }

  /**
   * An answer has come, or an error. Slow ones count once for all that were under way together: they waited for the same. A node
   * that refuses at once says nothing of the others.
   */
  #took(startedMs: number): void {
    const nowMs = this.#clock()
    if (nowMs - startedMs <= this.#limits.slowMs || startedMs < this.#slowAt) return
    this.#slowAt = nowMs
    this.#turns = Math.max(1, this.#turns / 2)
  }
}
