/** Runs processes side by side, one step at a time, in an order that a seed decides: the same seed, the same interleaving. */
import { setImmediate } from 'node:timers/promises'
import type { Random } from '#core/ids.ts'

/** Mulberry32: small, fast and good enough to shuffle steps. */
export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

interface Waiting {
  grant(): void
  notBefore: number
}

/** Some steps take long: what others do meanwhile is where most races hide. */
const STALLS = 0.06

export class Scheduler {
  readonly random: Random
  /** Errors that left a process. */
  readonly faults: unknown[] = []
  readonly #longestStall: number
  #waiting: Waiting[] = []
  #granted = 0
  #working = 0
  #live = 0

  /** @param longestStall for how many steps of others one step may stall, at most */
  constructor(random: Random, longestStall: number) {
    this.random = random
    this.#longestStall = longestStall
  }

  get live(): number {
    return this.#live
  }

  below = (n: number): number => Math.floor(this.random() * n)
  chance = (share: number): boolean => this.random() < share

  /** Starts a process; it runs until its first step. */
  spawn(process: () => Promise<void>): void {
    this.#live++
    process()
      .catch((fault: unknown) => this.faults.push(fault))
      .finally(() => {
        this.#live--
      })
  }

  /** One step of the process at hand: waits to be chosen, then runs alone. */
  async step<T>(work: () => T | Promise<T>): Promise<T> {
    const stall = this.chance(STALLS) ? this.below(this.#longestStall) : 0
    await new Promise<void>((grant) => this.#waiting.push({ grant, notBefore: this.#granted + stall }))
    this.#working++
    try {
      return await work()
    } finally {
      this.#working--
    }
  }

  /** Grants steps until no process is left. `between` runs before each and may spawn. */
  async run(between: () => void): Promise<void> {
    for (;;) {
      between()
      do await setImmediate()
      while (this.#working > 0)
      const chosen = this.#choose()
      if (chosen !== undefined) chosen.grant()
      else if (this.#live === 0) return
    }
  }

  /** Any that waits; one that stalls only when there is no other. */
  #choose(): Waiting | undefined {
    this.#granted++
    const start = this.below(this.#waiting.length)
    for (let i = 0; i < this.#waiting.length; i++) {
      const index = (start + i) % this.#waiting.length
      if (this.#waiting[index]!.notBefore <= this.#granted) return this.#take(index)
    }
    return this.#waiting.length === 0 ? undefined : this.#take(start)
  }

  #take(index: number): Waiting | undefined {
    const taken = this.#waiting[index]
    this.#waiting[index] = this.#waiting.at(-1)!
    this.#waiting.pop()
    return taken
  }
}
