/**
 * The event log on Kafka, behind the same port as the embedded one: same partitioner, same processor, same dead letters. A
 * client library stands behind client.ts; everything that decides is here.
 */
import { type EventsOf, type TidelineEvent, type Topic, topicOf, uuidv7 } from '#core/events.ts'
import { problems } from '#core/problem.ts'
import {
  type Consumer,
  type DeadLetter,
  type OperableEventLog,
  type Subscription,
  Unprocessable,
} from '../../event-log.ts'
import type { HeldPartition, LogRecord } from '../held-partition.ts'
import { letterHeaders } from '../letter.ts'
import { type LogMetrics, logMetrics } from '../log-metrics.ts'
import { partitionOf } from '../partitioner.ts'
import { createProcessor, type GivenUp } from '../processor.ts'
import { encodeEvent } from '../topics.ts'
import { type Appender, createAppender } from './appender.ts'
import { GATHERED_BYTES, type KafkaClient, type KafkaClientOptions, type OutgoingRecord } from './client.ts'
import { createLetters, type Letters } from './dead-letters.ts'
import { kafkaJsClient } from './kafkajs.ts'
import { createLagMeter, type LagMeter } from './lag.ts'
import { GroupMember } from './member.ts'
import { type BrokerNames, brokerNames } from './names.ts'
import { type KafkaLogOptions, type KafkaLogSettings, kafkaLogSettings } from './options.ts'
import { platformaticClient } from './platformatic.ts'
import { rewindGroups } from './rewind.ts'
import type { KafkaClientName } from './settings.ts'
import { eventsSince } from './since.ts'
import { createTopology, type Topology } from './topology.ts'
import { within } from './within.ts'

export type { KafkaLogOptions } from './options.ts'

const CLIENTS: Record<KafkaClientName, (options: KafkaClientOptions) => KafkaClient> = {
  kafkajs: kafkaJsClient,
  platformatic: platformaticClient,
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
  const log = new KafkaEventLog(options)
  // Plain functions: tiers hand single ones on.
  return {
    publish: (events) => log.publish(events),
    subscribe: (subscription) => log.subscribe(subscription),
    deadLetters: (topic, limit) => log.deadLetters(topic, limit),
    replayDeadLetters: (topic, group) => log.replayDeadLetters(topic, group),
    rewind: (sinceMs) => log.rewind(sinceMs),
    since: (topics, sinceMs) => log.since(topics, sinceMs),
    start: () => log.start(),
    sever: () => log.sever(),
    close: () => log.close(),
  }
}

class KafkaEventLog implements KafkaLog {
  readonly #settings: KafkaLogSettings
  readonly #metrics: LogMetrics
  readonly #names: BrokerNames
  readonly #client: KafkaClient
  readonly #topology: Topology
  readonly #appender: Appender
  readonly #letters: Letters
  readonly #lag: LagMeter
  readonly #members = new Set<GroupMember>()

  constructor(options: KafkaLogOptions) {
    this.#settings = kafkaLogSettings(options)
    this.#metrics = logMetrics(options.metrics)
    this.#names = brokerNames(this.#settings.prefix)
    this.#client = CLIENTS[this.#settings.client](this.#settings)
    const common = { ...this.#settings, client: this.#client, names: this.#names, metrics: this.#metrics }
    this.#topology = createTopology(common)
    this.#appender = createAppender((records) => this.#client.append(records))
    this.#letters = createLetters({
      ...common,
      partitions: (topic) => this.#topology.partitions(topic),
      append: (records) => this.#append(records),
    })
    this.#lag = createLagMeter(common)
  }

  async publish(events: readonly TidelineEvent[]): Promise<void> {
    const texts = events.map(encodeEvent)
    if (events.length === 0) return
    // Partitions are known when the topics are.
    await this.#ready()
    await this.#append(events.map((event, index) => this.#recordOf(event, texts[index]!)))
    for (const event of events) this.#metrics.published.inc({ topic: topicOf(event.type) })
  }

  subscribe<T extends Topic>(subscription: Subscription<T>): Consumer {
    const { group, topics } = subscription
    const { clock, random } = this.#settings
    const settings = { ...this.#settings, metrics: this.#metrics }
    const bury = (held: HeldPartition, record: LogRecord, why: GivenUp) =>
      this.#append([this.#letter(held, record, why)])
    const member = new GroupMember({
      ...settings,
      ...{ client: this.#client, names: this.#names, group, topics },
      member: uuidv7(clock, random),
      minBytes: subscription.gathers === true ? GATHERED_BYTES : 1,
      ready: () => this.#topology.ready(),
      processor: (advanced) => createProcessor({ ...settings, subscription, bury, advanced }),
    })
    this.#members.add(member)
    this.#lag.watch(group, topics)
    return {
      lag: async () => {
        await member.settle()
        await this.#ready()
        const found = await this.#lag.measure(group, topics).catch(awayOf)
        return [...found.values()].reduce((sum, waiting) => sum + waiting, 0)
      },
      stop: async () => {
        this.#members.delete(member)
        await member.stop()
      },
    }
  }

  async deadLetters(topic: Topic, limit = 100): Promise<DeadLetter[]> {
    await this.#ready()
    return this.#letters.read(topic, limit).catch(awayOf)
  }

  async replayDeadLetters(topic: Topic, group?: string): Promise<number> {
    await this.#ready()
    return this.#letters.replay(topic, group ?? null).catch(awayOf)
  }

  async rewind(sinceMs: number): Promise<void> {
    await this.#ready()
    await rewindGroups({ ...this.#settings, client: this.#client, names: this.#names }, sinceMs)
  }

  async *since<T extends Topic>(topics: readonly T[], sinceMs: number): AsyncGenerator<TidelineEvent<EventsOf<T>>[]> {
    await this.#ready()
    try {
      yield* eventsSince({ client: this.#client, names: this.#names }, topics, sinceMs)
    } catch (error) {
      awayOf(error)
    }
  }

  start(): Promise<void> {
    return this.#topology.ready()
  }

  sever(): void {
    this.#client.sever()
  }

  async close(): Promise<void> {
    this.#lag.stop()
    await Promise.all([...this.#members].map((member) => member.stop()))
    this.#members.clear()
    const { logger } = this.#settings
    await within(CLOSE_MS, 'the last append', this.#appender.idle()).catch((error: unknown) =>
      logger.warn({ err: error }),
    )
    await this.#client.close()
  }

  async #ready(): Promise<void> {
    await within(this.#settings.appendMs, 'making topics', this.#topology.ready()).catch(awayOf)
  }

  async #append(records: readonly OutgoingRecord[]): Promise<void> {
    await this.#appender.append(records).catch(awayOf)
  }

  #recordOf(event: TidelineEvent, value: string): OutgoingRecord {
    const topic = topicOf(event.type)
    const partition = partitionOf(event.key, this.#topology.partitions(topic))
    return { topic: this.#names.topic(topic), partition, key: event.key, value, headers: {} }
  }

  #letter(held: HeldPartition, record: LogRecord, why: GivenUp): OutgoingRecord {
    return {
      topic: this.#names.letters(held.topic as Topic),
      partition: 0,
      key: keyOf(record.value),
      value: JSON.stringify(record.value),
      headers: letterHeaders(held, record, why, this.#settings.clock()),
    }
  }
}

/** Whoever waits for the broker learns that it is away, in the words that consumers know an outage by (outages.ts). */
function awayOf(error: unknown): never {
  if (error instanceof Unprocessable) throw error
  throw problems.away('The event log', undefined, error)
}

function keyOf(value: unknown): string {
  const key = (value as { key?: unknown } | null)?.key
  return typeof key === 'string' ? key : ''
}
