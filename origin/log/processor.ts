/**
 * Applies one subscription's events: in order within a partition (or some of it together, where the subscription bears any order),
 * partitions side by side up to a bound. A failure blocks its own partition only, first with growing pauses, then as a dead letter.
 */
import { type EventsOf, parseEvent, type TidelineEvent, type Topic } from '#core/events.ts'
import type { Clock, Random } from '#core/ids.ts'
import { type Subscription, Unprocessable } from '../event-log.ts'
import type { Logger } from '../observe/logger.ts'
import { isTold } from '../observe/sparingly.ts'
import { isAway } from '../outages.ts'
import { type BackoffPolicy, backoffMs, pause } from './backoff.ts'
import type { HeldPartition, LogRecord } from './held-partition.ts'
import type { LogMetrics } from './log-metrics.ts'
import { createSlots, type Slots } from './slots.ts'

export const DEFAULT_MAX_ATTEMPTS = 8

/** Why an event was given up. */
export interface GivenUp {
  reason: string
  attempts: number
}

interface ProcessorOptions<T extends Topic> {
  subscription: Subscription<T>
  concurrency: number
  backoff: BackoffPolicy
  /** Stores a dead letter; resolves when it is durable. */
  bury(held: HeldPartition, record: LogRecord, why: GivenUp): Promise<void>
  /** One more event is settled: its offset may be committed, and its queue has room. */
  advanced(held: HeldPartition): void
  clock: Clock
  random: Random
  logger: Logger
  metrics: LogMetrics
}

export interface Processor {
  /** Starts on the partition's queue unless it is being worked on. */
  kick(held: HeldPartition): void
}

/** Set on a replayed event: the one group that gave it up. All others have handled it long ago. */
export const REPLAY_FOR = 'replayFor'

export function createProcessor<T extends Topic>(options: ProcessorOptions<T>): Processor {
  return new SubscriptionProcessor(options)
}

class SubscriptionProcessor<T extends Topic> implements Processor {
  readonly #options: ProcessorOptions<T>
  readonly #slots: Slots

  constructor(options: ProcessorOptions<T>) {
    this.#options = options
    const { group, topics } = options.subscription
    // From the start: of a series that begins with its first letter, Prometheus sees no increase.
    for (const topic of topics) options.metrics.handled.inc({ group, topic, outcome: 'dead' }, 0)
    this.#slots = createSlots(options.subscription.concurrency ?? options.concurrency)
  }

  kick(held: HeldPartition): void {
    if (held.working || held.queue.length === 0 || held.over.signal.aborted) return
    held.working = this.#work(held).finally(() => {
      held.working = null
      this.kick(held)
    })
  }

  async #work(held: HeldPartition): Promise<void> {
    const { together = 1 } = this.#options.subscription
    while (held.queue.length > 0 && !held.over.signal.aborted) {
      const records = held.queue.slice(0, together)
      const settled = await Promise.all(records.map((record) => this.#settle(held, record)))
      if (settled.includes(false)) return
      held.queue.splice(0, records.length)
      held.handled = (records.at(-1)?.offset ?? held.handled) + 1
      this.#options.advanced(held)
    }
  }

  /** True when the event needs no more work; false when the partition was given up first. */
  async #settle(held: HeldPartition, record: LogRecord): Promise<boolean> {
    const { subscription, backoff, random } = this.#options
    const replayFor = record.headers?.[REPLAY_FOR]
    if (replayFor !== undefined && replayFor !== subscription.group) return true
    let event: TidelineEvent<EventsOf<T>>
    try {
      event = parseEvent(record.value) as TidelineEvent<EventsOf<T>>
    } catch (error) {
      return this.#giveUp(held, record, { reason: `not an event we know: ${sentence(error)}`, attempts: 1 })
    }
    let faults = 0
    for (let attempt = 1; !held.over.signal.aborted; attempt++) {
      const failure = await this.#attempt(held, record, event, attempt)
      if (failure === null) return true
      if (held.over.signal.aborted) return false
      // An outage says nothing about the event: it waits in its partition for as long as that takes.
      if (!isAway(failure.error)) faults++
      const final =
        failure.error instanceof Unprocessable || faults >= (subscription.maxAttempts ?? DEFAULT_MAX_ATTEMPTS)
      if (final) return this.#giveUp(held, record, { reason: sentence(failure.error), attempts: attempt })
      await pause(backoffMs(attempt, backoff, random), held.over.signal)
    }
    return false
  }

  #attempt(
    held: HeldPartition,
    { offset }: LogRecord,
    event: TidelineEvent<EventsOf<T>>,
    attempt: number,
  ): Promise<{ error: unknown } | null> {
    const { subscription, clock, metrics, logger } = this.#options
    const { group } = subscription
    const { topic, partition } = held
    return this.#slots.run(async () => {
      const startedMs = clock()
      metrics.delay.observe({ group, topic }, Math.max(0, startedMs - event.time) / 1000)
      try {
        const context = { topic: topic as Topic, partition, offset, attempt, signal: held.over.signal }
        await subscription.handle(event, context)
        metrics.handled.inc({ group, topic, outcome: 'done' })
        return null
      } catch (error) {
        metrics.handled.inc({ group, topic, outcome: 'failed' })
        const where = { group, topic, partition, offset, attempt, eventId: event.id, traceparent: event.traceparent }
        // An outage says the same of each try, and there are as many as it is long.
        if (!isAway(error) || isTold(attempt)) logger.warn({ err: error, ...where }, 'an event could not be handled')
        return { error }
      } finally {
        metrics.seconds.observe({ group, topic }, (clock() - startedMs) / 1000)
      }
    })
  }

  /** Buries the event, however many tries that takes: without its letter it would be lost. Answers as settling does. */
  async #giveUp(held: HeldPartition, record: LogRecord, why: GivenUp): Promise<boolean> {
    const { subscription, backoff, bury, random, metrics, logger } = this.#options
    const { group } = subscription
    const { topic, partition } = held
    for (let attempt = 1; !held.over.signal.aborted; attempt++) {
      try {
        await bury(held, record, why)
        metrics.handled.inc({ group, topic, outcome: 'dead' })
        logger.error({ group, topic, partition, offset: record.offset, ...why }, 'an event became a dead letter')
        return true
      } catch (error) {
        logger.warn({ err: error, group, topic }, 'a dead letter could not be stored; trying again')
        await pause(backoffMs(attempt, backoff, random), held.over.signal)
      }
    }
    return false
  }
}

/** The first line of what went wrong, short enough for a header. */
function sentence(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.slice(0, 500)
}
