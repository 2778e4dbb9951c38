/** The client kafkajs behind the engine's port. Unmaintained since 2.2.4: what it does wrong is worked around here. */
import { type Admin, type Broker, type Cluster, type Kafka, PartitionAssigners, type Producer } from 'kafkajs'
import {
  type Bounds,
  byTopic,
  type GroupMembership,
  type IncomingRecord,
  type KafkaClient,
  type KafkaClientOptions,
  type MembershipOptions,
  type OutgoingRecord,
  type Position,
  type TopicSpec,
} from './client.ts'
import { CLIENT_ID, connectKafkaJs } from './kafkajs-connection.ts'
import { joinWithKafkaJs } from './kafkajs-membership.ts'
import { type FetchedMessage, incoming } from './kafkajs-records.ts'
import type { SeverableSockets } from './sockets.ts'
import { within } from './within.ts'

const CLOSE_MS = 3_000
const ADMIN_TRIES = 5
const ADMIN_PAUSE_MS = 50
/** Bytes that one look into a partition brings. */
const READ_BYTES = 1_048_576

export const kafkaJsClient = (options: KafkaClientOptions): KafkaClient => new KafkaJsClient(options)

class KafkaJsClient implements KafkaClient {
  readonly #options: KafkaClientOptions
  readonly #kafka: Kafka
  readonly #sockets: SeverableSockets
  readonly #severs = new Set<() => void>()
  #admin: Promise<Admin> | null = null
  #producer: Promise<Producer> | null = null
  #raw: Promise<{ cluster: Cluster; close(): Promise<void> }> | null = null

  constructor(options: KafkaClientOptions) {
    this.#options = options
    const { kafka, sockets } = connectKafkaJs(options)
    this.#kafka = kafka
    this.#sockets = sockets
  }

  async createTopics(topics: readonly TopicSpec[]): Promise<void> {
    const admin = await this.#administer()
    const there = new Set(await admin.listTopics())
    const missing = topics.filter(({ name }) => !there.has(name))
    if (missing.length === 0) return
    await admin.createTopics({
      // Its wait gives up at the first broker that has not heard of the topics; the topology has a patient one.
      waitForLeaders: false,
      topics: missing.map(({ name, partitions, replication, config }) => ({
        topic: name,
        numPartitions: partitions,
        replicationFactor: replication,
        configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
      })),
    })
  }

  async append(records: readonly OutgoingRecord[]): Promise<void> {
    const { appendMs } = this.#options
    try {
      await within(appendMs, 'an append', this.#send(records))
    } catch (error) {
      // Whether the broker has them is not known. The next append must not carry their sequence numbers: it would be taken
      // for a repetition of these and thrown away. So it comes from a new producer.
      const failed = this.#producer
      this.#producer = null
      failed?.then((producer) => producer.disconnect()).catch(() => {})
      throw error
    }
  }

  async #send(records: readonly OutgoingRecord[]): Promise<void> {
    this.#producer ??= this.#startProducer()
    const producer = await this.#producer
    await producer.sendBatch({
      acks: -1,
      topicMessages: byTopic(records).map(([topic, messages]) => ({
        topic,
        messages: messages.map(({ partition, key, value, headers }) => ({ partition, key, value, headers })),
      })),
    })
  }

  async #startProducer(): Promise<Producer> {
    // One request to a broker at a time: sequence numbers stay in order.
    const producer = this.#kafka.producer({ idempotent: true, maxInFlightRequests: 1, allowAutoTopicCreation: false })
    await producer.connect()
    return producer
  }

  async bounds(topics: readonly string[]): Promise<Bounds[]> {
    const admin = await this.#administer()
    const of = async (topic: string) =>
      (await settled(() => admin.fetchTopicOffsets(topic))).map(({ partition, low, high }) => ({
        topic,
        partition,
        first: Number(low),
        next: Number(high),
      }))
    return (await Promise.all(topics.map(of))).flat()
  }

  async offsetsAt(topics: readonly string[], sinceMs: number): Promise<Position[]> {
    const admin = await this.#administer()
    const of = async (topic: string) =>
      (await settled(() => admin.fetchTopicOffsetsByTimestamp(topic, sinceMs))).map(({ partition, offset }) => ({
        topic,
        partition,
        offset: Number(offset),
      }))
    return (await Promise.all(topics.map(of))).flat()
  }

  async groups(): Promise<string[]> {
    const admin = await this.#administer()
    return (await admin.listGroups()).groups.map(({ groupId }) => groupId)
  }

  async committed(group: string, topics: readonly string[]): Promise<Position[]> {
    const admin = await this.#administer()
    const found = await settled(() =>
      admin.fetchOffsets({ groupId: group, topics: [...topics], resolveOffsets: false }),
    )
    return found.flatMap(({ topic, partitions }) =>
      partitions
        .map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) }))
        .filter(({ offset }) => offset >= 0),
    )
  }

  async setCommitted(group: string, positions: readonly Position[]): Promise<void> {
    const { cluster } = await this.#rawCluster()
    const coordinator = await cluster.findGroupCoordinator({ groupId: group })
    // Of no generation and no member: the protocol's way to say "only if nobody is there".
    await coordinator.offsetCommit({
      groupId: group,
      groupGenerationId: -1,
      memberId: '',
      topics: byTopic(positions).map(([topic, places]) => ({
        topic,
        partitions: places.map(({ partition, offset }) => ({ partition, offset: String(offset) })),
      })),
    })
  }

  async trim(positions: readonly Position[]): Promise<void> {
    const admin = await this.#administer()
    for (const [topic, places] of byTopic(positions)) {
      const partitions = places.map(({ partition, offset }) => ({ partition, offset: String(offset) }))
      // On a topic that it has not met, the first call fails for want of metadata.
      await settled(() => admin.deleteTopicRecords({ topic, partitions }))
    }
  }

  async read({ topic, partition, offset }: Position): Promise<IncomingRecord[]> {
    const { cluster } = await this.#rawCluster()
    await cluster.addMultipleTargetTopics([topic])
    const [leader] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))
    if (leader === undefined) throw new Error(`${topic}/${partition} has no leader`)
    const broker = await cluster.findBroker({ nodeId: leader })
    const found = await fetchFrom(broker, { topic, partition, offset })
    // A batch is delivered whole, also what lies before the offset.
    return found.filter((record) => record.offset >= offset)
  }

  join(options: MembershipOptions): GroupMembership {
    const { kafka, sockets } = connectKafkaJs({
      ...this.#options,
      // The broker answers a fetch after maxWaitMs at the latest.
      requestMs: this.#options.requestMs + options.maxWaitMs,
    })
    const sever = () => sockets.sever()
    this.#severs.add(sever)
    const membership = joinWithKafkaJs(this, kafka, options)
    return {
      ...membership,
      leave: async () => {
        await membership.leave()
        sever()
        this.#severs.delete(sever)
      },
    }
  }

  sever(): void {
    for (const sever of this.#severs) sever()
    this.#sockets.sever()
  }

  async close(): Promise<void> {
    const closing = [
      this.#producer?.then((producer) => producer.disconnect()),
      this.#admin?.then((admin) => admin.disconnect()),
      this.#raw?.then((raw) => raw.close()),
    ]
    await within(CLOSE_MS, 'closing', Promise.allSettled(closing)).catch(() => {})
    this.sever()
  }

  #administer(): Promise<Admin> {
    this.#admin ??= connected(this.#kafka.admin()).catch((error: unknown) => {
      this.#admin = null
      throw error
    })
    return this.#admin
  }

  /** The cluster as the protocol sees it. kafkajs hands it to assigners of partitions, and nowhere else. */
  #rawCluster(): Promise<{ cluster: Cluster; close(): Promise<void> }> {
    this.#raw ??= this.#openRawCluster().catch((error: unknown) => {
      this.#raw = null
      throw error
    })
    return this.#raw
  }

  async #openRawCluster(): Promise<{ cluster: Cluster; close(): Promise<void> }> {
    const seen: Cluster[] = []
    // It only connects: a group of this name never comes to be.
    const consumer = this.#kafka.consumer({
      groupId: CLIENT_ID,
      partitionAssigners: [
        (config) => {
          seen.push(config.cluster)
          return PartitionAssigners.roundRobin(config)
        },
      ],
    })
    await consumer.connect()
    return { cluster: seen[0]!, close: () => consumer.disconnect() }
  }
}

/** Its admin calls give up where one more try would do: leaders of a new topic are known a moment later. */
async function settled<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call()
    } catch (error) {
      if (attempt === ADMIN_TRIES) throw error
      await new Promise((resolve) => setTimeout(resolve, attempt * ADMIN_PAUSE_MS))
    }
  }
}

async function connected(admin: Admin): Promise<Admin> {
  await admin.connect()
  return admin
}

/** The part of a fetch's answer that is read here; kafkajs declares it as anything. */
interface Fetched {
  responses: {
    partitions: {
      messages: FetchedMessage[]
    }[]
  }[]
}

async function fetchFrom(broker: Broker, { topic, partition, offset }: Position): Promise<IncomingRecord[]> {
  const answer: Fetched = await broker.fetch({
    maxWaitTime: 100,
    minBytes: 1,
    maxBytes: READ_BYTES,
    topics: [{ topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes: READ_BYTES }] }],
  })
  return answer.responses.flatMap(({ partitions }) => partitions.flatMap(({ messages }) => messages.map(incoming)))
}
