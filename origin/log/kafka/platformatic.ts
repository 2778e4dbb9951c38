/** The client @platformatic/kafka behind the engine's port. */
import { isIP } from 'node:net'
import {
  Admin,
  Consumer,
  GenericError,
  ListOffsetTimestamps,
  ProduceAcks,
  Producer,
  SASLMechanisms,
  stringSerializers,
} from '@platformatic/kafka'
import { tlsOptions } from '../../tls.ts'
import {
  type Bounds,
  byTopic,
  type GroupMembership,
  type IncomingRecord,
  type KafkaClient,
  type KafkaClientOptions,
  type MembershipOptions,
  type OutgoingRecord,
  type Place,
  type Position,
  placeKey,
  type TopicSpec,
} from './client.ts'
import { fetchRecords } from './platformatic-fetch.ts'
import { joinWithPlatformatic } from './platformatic-membership.ts'
import { within } from './within.ts'

const CLIENT_ID = 'tideline'
const CLOSE_MS = 3_000

export const platformaticClient = (options: KafkaClientOptions): KafkaClient => new PlatformaticClient(options)

function securityOf({ brokers, tls, sasl }: KafkaClientOptions) {
  return {
    // Names are told to the server, which may hold several certificates; an address is no name there (RFC 6066).
    ...(tls && { tls: tlsOptions(tls), tlsServerName: brokers.every((broker) => isIP(hostOf(broker)) === 0) }),
    ...(sasl && { sasl: { ...sasl, mechanism: MECHANISMS[sasl.mechanism] } }),
  }
}

const hostOf = (broker: string) => broker.slice(0, broker.lastIndexOf(':')).replace(/^\[|\]$/g, '')

const MECHANISMS = {
  plain: SASLMechanisms.PLAIN,
  'scram-sha-256': SASLMechanisms.SCRAM_SHA_256,
  'scram-sha-512': SASLMechanisms.SCRAM_SHA_512,
} as const

type Text = Producer<string, string, string, string>

class PlatformaticClient implements KafkaClient {
  readonly #options: KafkaClientOptions
  readonly #base
  readonly #severs = new Set<() => void>()
  #admin: Admin | null = null
  #reader: Consumer | null = null
  #producer: Text | null = null
  #severed = false

  constructor(options: KafkaClientOptions) {
    this.#options = options
    this.#base = {
      clientId: CLIENT_ID,
      bootstrapBrokers: [...options.brokers],
      connectTimeout: Math.min(3_000, options.requestMs),
      requestTimeout: options.requestMs,
      timeout: options.requestMs,
      retries: 5,
      retryDelay: 100,
      ...securityOf(options),
    }
  }

  async createTopics(topics: readonly TopicSpec[]): Promise<void> {
    const admin = this.#administer()
    const there = new Set(await admin.listTopics())
    const missing = topics.filter(({ name }) => !there.has(name))
    // One request for all that are alike: settings are the request's here, not the topic's.
    for (const alike of Map.groupBy(missing, ({ name: _, ...rest }) => JSON.stringify(rest)).values()) {
      const { partitions, replication, config } = alike[0]!
      const configs = Object.entries(config).map(([name, value]) => ({ name, value }))
      const names = alike.map(({ name }) => name)
      try {
        await admin.createTopics({ topics: names, partitions, replicas: replication, configs })
      } catch (error) {
        // Another process was quicker.
        const leaves = leavesOf(error)
        if (leaves.length === 0 || leaves.some((leaf) => leaf.apiId !== 'TOPIC_ALREADY_EXISTS')) throw error
      }
    }
  }

  async append(records: readonly OutgoingRecord[]): Promise<void> {
    this.#producer ??= new Producer({
      ...this.#base,
      idempotent: true,
      acks: ProduceAcks.ALL,
      autocreateTopics: false,
      serializers: stringSerializers,
    })
    const messages = records.map(({ topic, partition, key, value, headers }) => ({
      ...{ topic, partition, key, value },
      headers: { ...headers },
    }))
    try {
      await within(this.#options.appendMs, 'an append', this.#producer.send({ messages }))
    } catch (error) {
      // As with kafkajs: the next append must not be taken for a repetition of this one.
      const failed = this.#producer
      this.#producer = null
      failed.close().catch(() => {})
      throw error
    }
  }

  async bounds(topics: readonly string[]): Promise<Bounds[]> {
    const places = await this.#places(topics)
    const [first, next] = await Promise.all([
      this.#offsets(places, ListOffsetTimestamps.EARLIEST),
      this.#offsets(places, ListOffsetTimestamps.LATEST),
    ])
    return places.map((place) => ({
      ...place,
      first: first.get(placeKey(place)) ?? 0,
      next: next.get(placeKey(place)) ?? 0,
    }))
  }

  async offsetsAt(topics: readonly string[], sinceMs: number): Promise<Position[]> {
    const places = await this.#places(topics)
    const [at, ends] = await Promise.all([
      this.#offsets(places, BigInt(sinceMs)),
      this.#offsets(places, ListOffsetTimestamps.LATEST),
    ])
    return places.map((place) => {
      const found = at.get(placeKey(place)) ?? -1
      return { ...place, offset: found >= 0 ? found : (ends.get(placeKey(place)) ?? 0) }
    })
  }

  async groups(): Promise<string[]> {
    return [...(await this.#administer().listGroups()).keys()]
  }

  async committed(group: string, topics: readonly string[]): Promise<Position[]> {
    const places = await this.#places(topics)
    const [found] = await this.#administer().listConsumerGroupOffsets({
      groups: [
        {
          groupId: group,
          topics: byTopic(places).map(([name, here]) => ({
            name,
            partitionIndexes: here.map(({ partition }) => partition),
          })),
        },
      ],
    })
    return (found?.topics ?? []).flatMap(({ name, partitions }) =>
      partitions
        .map((at) => ({ topic: name, partition: at.partitionIndex, offset: Number(at.committedOffset) }))
        .filter(({ offset }) => offset >= 0),
    )
  }

  async setCommitted(group: string, positions: readonly Position[]): Promise<void> {
    await this.#administer().alterConsumerGroupOffsets({
      groupId: group,
      topics: byTopic(positions).map(([name, here]) => ({
        name,
        partitionOffsets: here.map(({ partition, offset }) => ({ partition, offset: BigInt(offset) })),
      })),
    })
  }

  async trim(positions: readonly Position[]): Promise<void> {
    await this.#administer().deleteRecords({
      topics: byTopic(positions).map(([name, here]) => ({
        name,
        partitions: here.map(({ partition, offset }) => ({ partition, offset: BigInt(offset) })),
      })),
    })
  }

  async read(from: Position): Promise<IncomingRecord[]> {
    this.#reader ??= new Consumer({ ...this.#base, groupId: CLIENT_ID })
    const reader = this.#reader
    reader.topics.track(from.topic)
    const { topics } = await reader.metadata({ topics: [from.topic] })
    const leader = topics.get(from.topic)?.partitions[from.partition]?.leader
    if (leader === undefined) throw new Error(`${placeKey(from)} has no leader`)
    const [found] = await fetchRecords(reader, leader, [from], { maxWaitMs: 100, minBytes: 1 })
    return found?.records ?? []
  }

  join(options: MembershipOptions): GroupMembership {
    const membership = joinWithPlatformatic(this, this.#base, options)
    const sever = () => membership.sever()
    this.#severs.add(sever)
    if (this.#severed) sever()
    return {
      commit: (positions) => membership.commit(positions),
      pause: (place) => membership.pause(place),
      resume: (place) => membership.resume(place),
      leave: async () => {
        await membership.leave()
        this.#severs.delete(sever)
      },
    }
  }

  sever(): void {
    this.#severed = true
    for (const sever of this.#severs) sever()
    void this.close()
  }

  async close(): Promise<void> {
    const closing = [this.#producer?.close(true), this.#admin?.close(), this.#reader?.close(true)]
    await within(CLOSE_MS, 'closing', Promise.allSettled(closing)).catch(() => {})
  }

  #administer(): Admin {
    this.#admin ??= new Admin(this.#base)
    return this.#admin
  }

  async #places(topics: readonly string[]): Promise<Place[]> {
    const metadata = await this.#administer().metadata({ topics: [...topics] })
    return [...metadata.topics].flatMap(([topic, { partitions }]) =>
      partitions.map((_, partition) => ({ topic, partition })),
    )
  }

  async #offsets(places: readonly Place[], timestamp: bigint): Promise<Map<string, number>> {
    const found = await this.#administer().listOffsets({
      topics: byTopic(places).map(([name, here]) => ({
        name,
        partitions: here.map(({ partition }) => ({ partitionIndex: partition, timestamp })),
      })),
    })
    return new Map(
      found.flatMap(({ name, partitions }) =>
        partitions.map((at) => [placeKey({ topic: name, partition: at.partitionIndex }), Number(at.offset)] as const),
      ),
    )
  }
}

/** What went wrong with each part of a request. */
function leavesOf(error: unknown): GenericError[] {
  if (error instanceof AggregateError) return error.errors.flatMap(leavesOf)
  return error instanceof GenericError ? [error] : []
}
