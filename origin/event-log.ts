/** The event log's port: embedded in Postgres by default, Kafka by configuration. Tiers meet through it. */
import type { EventType, TidelineEvent } from '#core/events.ts'

export interface EventLog {
  /**
   * Appends the events, each to the partition of its key, and resolves when they are durable.
   * A repetition of this call may append twice: consumers are idempotent.
   */
  publish(events: readonly TidelineEvent[]): Promise<void>
  /** Starts a member of a consumer group. Partitions run side by side, the events of one in order. */
  subscribe<T extends EventType>(subscription: Subscription<T>): Consumer
  /** Stops reading, lets handlers in flight finish, and releases what is held. */
  close(): Promise<void>
}

export interface Subscription<T extends EventType> {
  group: string
  topics: readonly T[]
  /**
   * Applies the effect of one event. The offset is committed after it resolves; when it throws, the event is retried with
   * growing delay and finally laid into the topic's dead letters with the reason. Throw `Unprocessable` to skip the retries.
   */
  handle(event: TidelineEvent<T>, context: HandlerContext): Promise<void>
  /** Tries before the dead letter; the default is 8. */
  maxAttempts?: number
}

export interface HandlerContext {
  topic: EventType
  partition: number
  offset: number
  attempt: number
  /** Aborted when the consumer stops. */
  signal: AbortSignal
}

export interface Consumer {
  /** Events appended but not yet handled by this group, over all its partitions. */
  lag(): Promise<number>
  stop(): Promise<void>
}

/** The event can never be applied: straight to the dead letters. */
export class Unprocessable extends Error {}
