/**
 * A member of a group with kafkajs. Its runner fetches and keeps the member alive; each batch goes straight into the engine's
 * queues, so that a handler that takes long holds up neither heartbeats nor other partitions.
 */
import { type Cluster, type Consumer, type Kafka, PartitionAssigners } from 'kafkajs'
import {
  FETCH,
  type GroupMembership,
  type KafkaClient,
  type MembershipOptions,
  type Place,
  type Position,
  startingPositions,
} from './client.ts'
import { incoming } from './kafkajs-records.ts'
import { within } from './within.ts'

const JOIN_PATIENCE_MS = 2_000
const LEAVE_MS = 4_000
/** Without a sign of life from the runner for so many sessions, it hangs. It fetches twice a second at least. */
const SILENT_SESSIONS = 4

export function joinWithKafkaJs(client: KafkaClient, kafka: Kafka, options: MembershipOptions): GroupMembership {
  const member = new KafkaJsMember(client, kafka, options)
  return {
    commit: (positions) => member.commit(positions),
    pause: (place) => member.pause(place),
    resume: (place) => member.resume(place),
    leave: () => member.leave(),
  }
}

class KafkaJsMember {
  readonly #client: KafkaClient
  readonly #options: MembershipOptions
  readonly #consumer: Consumer
  readonly #watchdog: NodeJS.Timeout
  #settled = Promise.withResolvers<void>()
  #generation = 0
  #over = false

  constructor(client: KafkaClient, kafka: Kafka, options: MembershipOptions) {
    this.#client = client
    this.#options = options
    const { group, sessionMs, maxWaitMs, minBytes } = options
    this.#consumer = kafka.consumer({
      groupId: group,
      sessionTimeout: sessionMs,
      rebalanceTimeout: sessionMs * 3,
      heartbeatInterval: Math.round(sessionMs / 5),
      maxWaitTimeInMs: maxWaitMs,
      minBytes,
      maxBytesPerPartition: FETCH.partitionBytes,
      maxBytes: FETCH.bytes,
      allowAutoTopicCreation: false,
      // A crash is answered by a new member, of the engine.
      retry: { initialRetryTime: 50, maxRetryTime: 1_000, retries: 5, restartOnFailure: async () => false },
      partitionAssigners: [
        (config) => {
          this.#holdJoins(config.cluster)
          return PartitionAssigners.roundRobin(config)
        },
      ],
    })
    const { events } = this.#consumer
    this.#consumer.on(events.GROUP_JOIN, ({ payload }) => this.#joined(payload.memberAssignment))
    this.#consumer.on(events.CRASH, ({ payload }) => this.#end(payload.error))
    this.#consumer.on(events.FETCH, () => void this.#watchdog.refresh())
    const silentMs = sessionMs * SILENT_SESSIONS
    this.#watchdog = setTimeout(() => this.#end(new Error(`kafkajs was silent for ${silentMs} ms`)), silentMs)
    this.#watchdog.unref()
    this.#run().catch((error: unknown) => this.#end(error))
  }

  /**
   * kafkajs tells nobody before it gives its partitions up: it only asks for the coordinator and joins again. That question
   * waits here until the work on them is done and committed.
   */
  #holdJoins(cluster: Cluster): void {
    const find = cluster.findGroupCoordinator.bind(cluster)
    cluster.findGroupCoordinator = async (group) => {
      this.#generation++
      this.#settled.resolve()
      this.#settled = Promise.withResolvers()
      await this.#options.revoking()
      return find(group)
    }
  }

  async #run(): Promise<void> {
    await this.#consumer.connect()
    await this.#consumer.subscribe({ topics: [...this.#options.topics], fromBeginning: true })
    await this.#consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch, isStale }) => {
        // Fetched before a seek, for a share that is no longer.
        if (isStale()) return
        this.#options.records(batch, batch.messages.map(incoming))
      },
    })
  }

  /** Nothing is fetched until each partition has been set to its place, and the engine holds it. */
  #joined(assignment: Record<string, number[]>): void {
    const generation = this.#generation
    const share = Object.entries(assignment).map(([topic, partitions]) => ({ topic, partitions }))
    const places = share.flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition })))
    if (this.#over) return
    this.#consumer.pause(share)
    startingPositions(this.#client, this.#options.group, places).then(
      (positions) => {
        if (this.#over || generation !== this.#generation) return
        for (const { topic, partition, offset } of positions) {
          this.#consumer.seek({ topic, partition, offset: String(offset) })
        }
        this.#options.assigned(positions)
        this.#consumer.resume(share)
        this.#settled.resolve()
      },
      (error: unknown) => this.#end(error),
    )
  }

  #end(error: unknown): void {
    if (this.#over) return
    this.#over = true
    clearTimeout(this.#watchdog)
    this.#options.ended(error)
  }

  async commit(positions: readonly Position[]): Promise<void> {
    await this.#consumer.commitOffsets(positions.map((position) => ({ ...position, offset: String(position.offset) })))
  }

  pause({ topic, partition }: Place): void {
    if (!this.#over) this.#consumer.pause([{ topic, partitions: [partition] }])
  }

  resume({ topic, partition }: Place): void {
    if (!this.#over) this.#consumer.resume([{ topic, partitions: [partition] }])
  }

  async leave(): Promise<void> {
    // In the middle of a join it would wait for ever.
    await within(JOIN_PATIENCE_MS, 'joining', this.#settled.promise).catch(() => {})
    this.#over = true
    clearTimeout(this.#watchdog)
    await within(LEAVE_MS, 'leaving', this.#consumer.disconnect()).catch(() => {})
  }
}
