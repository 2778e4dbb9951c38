/**
 * The event log on Kafka, behind the same port as the embedded one: same partitioner, same processor, same dead letters. A
 * client library stands behind client.ts; everything that decides is here.
 */
import { type TidelineEvent, type Topic, topicOf, uuidv7 } from '#core/events.ts'
import type { Clock, Random } from '#core/ids.ts'
import { problems } from '#core/problem.ts'
import { type Consumer, type OperableEventLog, type Subscription, Unprocessable } from '../../event-log.ts'
import type { Logger } from '../../observe/logger.ts'
import type { Metrics } from '../../observe/metrics.ts'
import type { BackoffPolicy } from '../backoff.ts'
import type { HeldPartition, LogRecord } from '../held-partition.ts'
import { letterHeaders } from '../letter.ts'
import { logMetrics } from '../log-metrics.ts'
import { partitionOf } from '../partitioner.ts'
import { createProcessor, type GivenUp } from '../processor.ts'
import { encodeEvent, LOG_TOPICS, TOPIC_SETTINGS } from '../topics.ts'
import { createAppender } from './appender.ts'
import type { KafkaClient, KafkaClientOptions, OutgoingRecord } from './client.ts'
import { createLetters } from './dead-letters.ts'
import { kafkaJsClient } from './kafkajs.ts'
import { createLagMeter } from './lag.ts'
import { GroupMember } from './member.ts'
import { brokerNames } from './names.ts'
import { platformaticClient } from './platformatic.ts'
import { rewindGroups } from './rewind.ts'
import { DEFAULT_KAFKA_CLIENT, type KafkaClientName } from './settings.ts'
import { createTopology } from './topology.ts'
import { within } from './within.ts'

const CLIENTS: Record<KafkaClientName, (options: KafkaClientOptions) => KafkaClient> = {
  kafkajs: kafkaJsClient,
  platformatic: platformaticClient,
}

export interface KafkaLogOptions {
  /** Addresses, host:port, of some brokers; the rest is learned from them. */
  brokers: readonly string[]
  client?: KafkaClientName
  /** Before the names of topics and groups. Default none. */
  prefix?: string
  clock: Clock
  random: Random
  logger: Logger
  metrics: Metrics
  /** Topics that are made and can be used. Default all. */
  topics?: readonly Topic[]
  /** Of topics that are not there yet. Default 16. */
  partitions?: number
  /** Copies of topics that are not there yet. Default 3, or as many as there are addresses. */
  replication?: number
  /** Handlers of one subscription that work at once. Default 8. */
  concurrency?: number
  /** Pauses between tries of one event. Default 100 ms, doubling up to 10 s. */
  backoff?: BackoffPolicy
  /** Milliseconds after which a silent member's partitions are taken over. Brokers take no less than 6,000. Default 10,000. */
  sessionMs?: number
  /** Milliseconds for handlers at work when partitions are to be given away; below the session. Default 7,000. */
  drainMs?: number
  /** Milliseconds that a fetch waits for news; what resumes reading waits as long. Default 200. */
  maxWaitMs?: number
  /** Milliseconds that commits are gathered: after a crash so much is handled again. Default 100. */
  commitMs?: number
  /** Milliseconds after which an append that does not succeed fails. Default 10,000. */
  appendMs?: number
  /** Milliseconds for any other request. Default 5,000. */
  requestMs?: number
}

const DEFAULTS = {
  client: DEFAULT_KAFKA_CLIENT,
  prefix: '',
  topics: LOG_TOPICS,
  partitions: TOPIC_SETTINGS.partitions,
  concurrency: 8,
  backoff: { firstMs: 100, maxMs: 10_000 },
  sessionMs: 10_000,
  drainMs: 7_000,
  maxWaitMs: 200,
  commitMs: 100,
  appendMs: 10_000,
  requestMs: 5_000,
}

const CLOSE_MS = 5_000

export interface KafkaLog extends OperableEventLog {
  /** Makes the topics that are missing. Otherwise the first use does. */
  start(): Promise<void>
  /** Cuts all connections without a word: for tests, what others see when this process dies. */
  sever(): void
}

/** Opens the log; connects when it is first used. Kafka may be away meanwhile: consumers wait, publishing throws. */
export function kafkaLog(options: KafkaLogOptions): KafkaLog {
  const settings = { ...DEFAULTS, ...options, logger: options.logger.child({ part: 'log' }) }
  const { clock, random, logger, brokers } = settings
  const { replication = Math.min(TOPIC_SETTINGS.replication, brokers.length) } = settings
  const metrics = logMetrics(options.metrics)
  const names = brokerNames(settings.prefix)
  const client = CLIENTS[settings.client](settings)
  const topology = createTopology({ ...settings, replication, client, names })
  const members = new Set<GroupMember>()
  const appender = createAppender(async (records) => {
    await topology.ready()
    await client.append(records)
  })
  const append = (records: readonly OutgoingRecord[]) => appender.append(records).catch(awayOf)
  const partitions = (topic: Topic) => topology.partitions(topic)
  const letters = createLetters({ client, names, partitions, append })
  const lag = createLagMeter({ client, names, metrics, logger })

  const bury = (held: HeldPartition, record: LogRecord, why: GivenUp) =>
    append([
      {
        topic: names.letters(held.topic as Topic),
        partition: 0,
        key: keyOf(record.value),
        value: JSON.stringify(record.value),
        headers: letterHeaders(held, record, why, clock()),
      },
    ])

  function subscribe<T extends Topic>(subscription: Subscription<T>): Consumer {
    const { group, topics } = subscription
    const member = new GroupMember({
      ...settings,
      ...{ client, names, group, topics },
      member: uuidv7(clock, random),
      ready: topology.ready,
      processor: (advanced) => createProcessor({ ...settings, subscription, bury, advanced, metrics }),
    })
    members.add(member)
    lag.watch(group, topics)
    return {
      async lag() {
        await member.settle()
        await topology.ready().catch(awayOf)
        const found = await lag.measure(group, topics).catch(awayOf)
        return [...found.values()].reduce((sum, waiting) => sum + waiting, 0)
      },
      async stop() {
        members.delete(member)
        await member.stop()
      },
    }
  }

  return {
    async publish(events) {
      const texts = events.map(encodeEvent)
      // Partitions are known when the topics are.
      if (events.length > 0) await within(settings.appendMs, 'making topics', topology.ready()).catch(awayOf)
      await append(events.map((event, index) => recordOf(event, texts[index]!)))
      for (const event of events) metrics.published.inc({ topic: topicOf(event.type) })
    },
    subscribe,
    async deadLetters(topic, limit = 100) {
      await topology.ready()
      return letters.read(topic, limit)
    },
    async replayDeadLetters(topic, group) {
      await topology.ready()
      return letters.replay(topic, group ?? null)
    },
    async rewind(sinceMs) {
      await topology.ready()
      await rewindGroups({ ...settings, client, names }, sinceMs)
    },
    start: topology.ready,
    sever: () => client.sever(),
    async close() {
      lag.stop()
      await Promise.all([...members].map((member) => member.stop()))
      members.clear()
      await within(CLOSE_MS, 'the last append', appender.idle()).catch((error: unknown) => logger.warn({ err: error }))
      await client.close()
    },
  }

  function recordOf(event: TidelineEvent, value: string): OutgoingRecord {
    const topic = topicOf(event.type)
    const partition = partitionOf(event.key, partitions(topic))
    return { topic: names.topic(topic), partition, key: event.key, value, headers: {} }
  }
}

/** Whoever waits for the broker learns that it is away, in the words that consumers know an outage by (log/away.ts). */
function awayOf(error: unknown): never {
  if (error instanceof Unprocessable) throw error
  throw problems.away('The event log', undefined, error)
}

function keyOf(value: unknown): string {
  const key = (value as { key?: unknown } | null)?.key
  return typeof key === 'string' ? key : ''
}
