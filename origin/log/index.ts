/**
 * The event log on Postgres: the default engine. Topics have partitions, a key's events keep their order, groups keep
 * their places, members share and take over. Its tables are in drizzle/schema/events.ts, its SQL in drizzle/queries/log.ts.
 */
import { type TidelineEvent, topicOf, uuidv7 } from '#core/events.ts'
import type { Clock, Random } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import {
  appendMessages,
  deadLetterTopic,
  type Head,
  type NewMessage,
  removeAllMembers,
  rewindGroups,
} from '#drizzle/queries/log.ts'
import type { OperableEventLog } from '../event-log.ts'
import { createGroupCommit } from '../group-commit.ts'
import type { Logger } from '../observe/logger.ts'
import type { Metrics } from '../observe/metrics.ts'
import { isDataFault } from '../outages.ts'
import type { BackoffPolicy } from './backoff.ts'
import { readDeadLetters, replayAll } from './dead-letters.ts'
import { type HeldPartition, type LogRecord, placeName } from './held-partition.ts'
import { letterHeaders } from './letter.ts'
import { logMetrics } from './log-metrics.ts'
import { listenForAppends } from './notifications.ts'
import { partitionOf } from './partitioner.ts'
import type { GivenUp } from './processor.ts'
import { createReaders } from './readers.ts'
import { createRetention } from './retention.ts'
import { eventsSince } from './since.ts'
import { encodeEvent, TOPIC_SETTINGS } from './topics.ts'

export interface PostgresLogOptions {
  database: Database
  /** Connection string for LISTEN. Needed when several processes share the log; without it they poll. */
  listenUrl?: string
  clock: Clock
  random: Random
  logger: Logger
  metrics: Metrics
  /** Partitions a topic. Raise it only while the log is empty: keys move. Default 16. */
  partitions?: number
  /** Milliseconds after which a silent member's partitions are taken over. Default 10,000. */
  leaseMs?: number
  /** Handlers of one subscription that work at once. Default 8. */
  concurrency?: number
  /** Pauses between tries of one event. Default 100 ms, doubling up to 10 s. */
  backoff?: BackoffPolicy
  /** Pauses between looks for appends that nobody told of. Default 100 ms, doubling up to 2 s. */
  poll?: { minMs: number; maxMs: number }
  /** Milliseconds that commits are gathered: after a crash so much is handled again. Default 25. */
  commitMs?: number
  /** Hours that handled events are kept. Default 24; dead letters stay until they are replayed. */
  keepHours?: number
  /** The engine has no autovacuum (the embedded one): clean up after `expire`. Default false. */
  vacuum?: boolean
}

export interface PostgresLog extends OperableEventLog {
  /** Deletes what is old and handled by every group; runs by itself now and then. Answers how many. */
  expire(): Promise<number>
  /**
   * Says that no member lives, so that their partitions are taken at once rather than when their leases are over. For an
   * engine that dies with the process that reads it; before the first subscription.
   */
  buryMembers(): Promise<void>
}

const DEFAULTS = {
  partitions: TOPIC_SETTINGS.partitions,
  leaseMs: 10_000,
  concurrency: 8,
  backoff: { firstMs: 100, maxMs: 10_000 },
  poll: { minMs: 100, maxMs: 2_000 },
  commitMs: 25,
  keepHours: TOPIC_SETTINGS.keepHandledHours,
  vacuum: false,
}

/** Opens the log over a database that has the schema. Nothing is read before the first subscription. */
export function postgresLog(options: PostgresLogOptions): PostgresLog {
  const settings = { ...DEFAULTS, ...options, logger: options.logger.child({ part: 'log' }) }
  const { database, clock, random, partitions, logger, listenUrl } = settings
  const metrics = logMetrics(options.metrics)
  const notifier = listenUrl === undefined ? null : uuidv7(clock, random)
  const appended = (heads: readonly Head[]) => readers.wake(heads.map((head) => placeName(head.topic, head.partition)))
  const groupCommit = createGroupCommit(async (messages: readonly NewMessage[]) => {
    appended(await database.query<Head>(appendMessages(messages, notifier)))
    return []
  }, isDataFault)
  const bury = async (held: HeldPartition, record: LogRecord, why: GivenUp) => {
    await groupCommit.append([letter(held, record, why, clock())])
  }
  const readers = createReaders({ ...settings, metrics, bury })
  const retention = createRetention({ ...settings, metrics })
  const heard = (place?: string) => readers.wake(place === undefined ? undefined : [place])
  const listener =
    listenUrl === undefined || notifier === null
      ? null
      : listenForAppends(listenUrl, notifier, heard, { logger, random })

  return {
    async publish(events) {
      for (const event of events) encodeEvent(event)
      await groupCommit.append(events.map((event) => newMessage(event, partitions)))
      for (const event of events) metrics.published.inc({ topic: topicOf(event.type) })
    },
    subscribe(subscription) {
      retention.watch(subscription.group)
      return readers.subscribe(subscription)
    },
    deadLetters: (topic, limit = 100) => readDeadLetters(database, topic, limit),
    replayDeadLetters: (topic, group) => replayAll(database, topic, group ?? null, notifier, appended),
    async rewind(sinceMs) {
      await database.query(rewindGroups(new Date(sinceMs)))
    },
    since: (topics, sinceMs) => eventsSince(database, topics, sinceMs),
    expire: retention.expire,
    async buryMembers() {
      await database.query(removeAllMembers())
    },
    async close() {
      retention.stop()
      await listener?.close()
      await readers.close()
      await groupCommit.idle()
    },
  }
}

function newMessage(event: TidelineEvent, partitions: number): NewMessage {
  return {
    topic: topicOf(event.type),
    partition: partitionOf(event.key, partitions),
    key: event.key,
    value: event,
    headers: null,
  }
}

/** A dead letter stays in the partition of its event, so that a replay puts it back where its key belongs. */
function letter(held: HeldPartition, record: LogRecord, why: GivenUp, time: number): NewMessage {
  const key = (record.value as { key?: unknown } | null)?.key
  return {
    topic: deadLetterTopic(held.topic),
    partition: held.partition,
    key: typeof key === 'string' ? key : '',
    value: record.value,
    headers: letterHeaders(held, record, why, time),
  }
}
