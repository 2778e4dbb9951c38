/** The queue and the log: events come late, twice and out of order to the log, and in order out of each partition. */
import type { TidelineEvent } from '#core/events.ts'
import { topicOf } from '#core/events.ts'
import type { Scheduler } from './scheduler.ts'

/** Runs an event's handler once. Rejects when its process died on the way. */
export type Handle = (event: TidelineEvent) => Promise<void>

/** Steps that a late event waits, at most. */
const LATEST = 100

export class InterleavedLog {
  readonly #scheduler: Scheduler
  readonly #late: number
  readonly #handle: Handle
  readonly #partitions = new Map<string, TidelineEvent[]>()
  readonly #read = new Set<string>()

  /** @param late share of the events that lie in the queue for long */
  constructor(scheduler: Scheduler, late: number, handle: Handle) {
    this.#scheduler = scheduler
    this.#late = late
    this.#handle = handle
  }

  /** From the edge: through the queue or the outbox, whichever is first, and sometimes by both. */
  deliver(event: TidelineEvent): void {
    const times = this.#scheduler.chance(0.2) ? 2 : 1
    for (let i = 0; i < times; i++) {
      this.#scheduler.spawn(async () => {
        const longest = this.#scheduler.chance(this.#late) ? LATEST : 4
        for (let wait = this.#scheduler.below(longest); wait > 0; wait--) await this.#scheduler.step(() => {})
        await this.#scheduler.step(() => this.append(event))
      })
    }
  }

  append(event: TidelineEvent): void {
    const partition = `${topicOf(event.type)}/${event.key}`
    const waiting = this.#partitions.get(partition) ?? []
    waiting.push(event)
    this.#partitions.set(partition, waiting)
    if (this.#read.has(partition)) return
    this.#read.add(partition)
    this.#scheduler.spawn(() => this.#consume(partition, waiting))
  }

  /** One consumer a partition. An event whose handler died is given again. */
  async #consume(partition: string, waiting: TidelineEvent[]): Promise<void> {
    for (;;) {
      await this.#scheduler.step(() => {})
      const event = waiting[0]
      if (event === undefined) break
      try {
        await this.#handle(event)
        waiting.shift()
      } catch (fault) {
        if (!(fault instanceof Died)) throw fault
      }
    }
    this.#read.delete(partition)
  }
}

/** The process of a handler was killed. */
export class Died extends Error {}

/** Decides when a handler's process dies: before or after one of its calls took effect. */
export class Fuse {
  #left: number
  constructor(calls: number) {
    this.#left = calls
  }
  async guard<T>(call: () => Promise<T>): Promise<T> {
    this.#burn()
    const result = await call()
    this.#burn()
    return result
  }
  #burn(): void {
    if (this.#left-- === 0) throw new Died('killed')
  }
}
