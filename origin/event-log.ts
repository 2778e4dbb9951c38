/** The event log's port: embedded in Postgres by default, Kafka by configuration. Tiers meet through it. */
import type { EventsOf, TidelineEvent, Topic } from '#core/events.ts'

export interface EventLog {
  /**
   * Appends the events, each to the partition of its key, and resolves when they are durable.
   * A repetition of this call may append twice: consumers are idempotent. Throws EventTooLarge (log/topics.ts), before
   * anything is appended, when an event is larger than the log takes.
   */
  publish(events: readonly TidelineEvent[]): Promise<void>
  /** Starts a member of a consumer group. Partitions run side by side, the events of one in order unless the subscription says otherwise. */
  subscribe<T extends Topic>(subscription: Subscription<T>): Consumer
  /** Stops reading, lets handlers in flight finish, and releases what is held. */
  close(): Promise<void>
}

export interface Subscription<T extends Topic> {
  group: string
  topics: readonly T[]
  /**
   * Applies the effect of one event. The offset is committed after it resolves; when it throws, the event is retried with
   * growing delay and finally laid into the topic's dead letters with the reason. Throw `Unprocessable` to skip
   * the retries. What outages.ts knows as an outage (Redis, the database) is retried for as long as it takes, uncounted.
   */
  handle(event: TidelineEvent<EventsOf<T>>, context: HandlerContext): Promise<void>
  /** Tries before the dead letter; the default is 8. */
  maxAttempts?: number
  /** Handlers that work at once, over all partitions; the default is the log's own, 8. */
  concurrency?: number
  /**
   * Events of one partition that are handled side by side, for effects that come out the same in any order: the next ones begin
   * when all of them are settled. The default is 1: one after the other.
   */
  together?: number
  /**
   * Nobody waits for the effect: events may be gathered for as long as a fetch of the log waits at most, rather than be fetched each
   * as it comes.
   */
  gathers?: boolean
}

export interface HandlerContext {
  topic: Topic
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

/** An event that a group gave up, with what is known of why. */
export interface DeadLetter {
  topic: string
  partition: number
  /** Where it stood in its topic. */
  offset: number
  group: string
  reason: string
  attempts: number
  /** When it was given up, in Unix milliseconds. */
  time: number
  event: unknown
}

/** What operators do with a log, beside what tiers do with it. */
export interface OperableEventLog extends EventLog {
  /** The dead letters of a topic that wait for a replay, oldest first in each partition. */
  deadLetters(topic: Topic, limit?: number): Promise<DeadLetter[]>
  /**
   * Gives a topic's dead letters back to the groups that gave them up (or to one group), at the end of their partitions.
   * Answers how many.
   */
  replayDeadLetters(topic: Topic, group?: string): Promise<number>
  /**
   * Takes all groups back to what was appended from an instant on, so that it is handled again: what they wrote elsewhere
   * since has been lost. Before the first subscription.
   */
  rewind(sinceMs: number): Promise<void>
  /**
   * Reads, outside of all groups, what topics were given from an instant on (Unix milliseconds) until now: some events at a time, those of a
   * partition in order. What is no event that we know is left out.
   */
  since<T extends Topic>(topics: readonly T[], sinceMs: number): AsyncIterable<TidelineEvent<EventsOf<T>>[]>
}
