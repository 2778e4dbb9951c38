/**
 * A member of a group with @platformatic/kafka. One of its consumers is in the group: joins, heartbeats, commits. Another only
 * fetches, so that a fetch which waits at the broker holds up neither, and with a say over each partition.
 */
import { type BaseOptions, Consumer, findErrorBy, ListOffsetTimestamps, offsetCommitV9 } from '@platformatic/kafka'
import {
  byTopic,
  type GroupMembership,
  type KafkaClient,
  type MembershipOptions,
  type Place,
  type Position,
  placeKey,
  startingPositions,
} from './client.ts'
import { type FetchFailures, fetchFailures } from './fetch-failures.ts'
import { fetchRecords } from './platformatic-fetch.ts'
import { within } from './within.ts'

const LEAVE_MS = 4_000
const RETRY_MS = 200
/** The name under which kafkajs deals partitions out, so that both clients can be in one group while they are changed. */
const PROTOCOL = { name: 'RoundRobinAssigner', version: 0 }

export function joinWithPlatformatic(
  client: KafkaClient,
  base: BaseOptions,
  options: MembershipOptions,
): GroupMembership & { sever(): void } {
  return new PlatformaticMember(client, base, options)
}

class PlatformaticMember implements GroupMembership {
  readonly #client: KafkaClient
  readonly #options: MembershipOptions
  readonly #member: Consumer
  readonly #fetcher: Consumer
  readonly #failures: FetchFailures
  /** The present share, with where each partition's next fetch begins. */
  #share = new Map<string, Position>()
  readonly #paused = new Set<string>()
  #generation = 0
  #membership: { generationId: number; memberId: string } | null = null
  #fetching = new Set<number>()
  #wake = Promise.withResolvers<void>()
  #over = false

  constructor(client: KafkaClient, base: BaseOptions, options: MembershipOptions) {
    this.#client = client
    this.#options = options
    const { group, topics, sessionMs, maxWaitMs } = options
    this.#failures = fetchFailures({ failing: options.failing, hopeless: (error) => this.#end(error) })
    const rebalanceMs = sessionMs * 3
    const requestMs = base.requestTimeout ?? sessionMs
    this.#member = new Consumer({
      ...base,
      // A join waits for all other members.
      requestTimeout: rebalanceMs + requestMs,
      groupId: group,
      sessionTimeout: sessionMs,
      rebalanceTimeout: rebalanceMs,
      heartbeatInterval: Math.round(sessionMs / 5),
      protocols: [PROTOCOL],
      protocolsMetadata: () => this.#beforeJoin(),
    })
    this.#fetcher = new Consumer({ ...base, requestTimeout: requestMs + maxWaitMs, groupId: group })
    for (const topic of topics) {
      this.#member.topics.track(topic)
      this.#fetcher.topics.track(topic)
    }
    this.#member.on('consumer:group:join', ({ memberId, generationId, assignments }) => {
      this.#membership = { memberId, generationId: generationId ?? -1 }
      this.#joined((assignments ?? []).flatMap((a) => a.partitions.map((partition) => ({ topic: a.topic, partition }))))
    })
    this.#member.on('consumer:heartbeat:stalled', ({ lastError }) => this.#end(lastError ?? new Error('no heartbeats')))
    // Emitted when it could not join again, after which it does nothing more.
    const failed = (error: unknown) => this.#end(error)
    for (const consumer of [this.#member, this.#fetcher]) consumer.on('error', failed)
    this.#member.joinGroup({}).catch(failed)
  }

  /** Runs before each request to join; what it answers travels along and says nothing. */
  async #beforeJoin(): Promise<Buffer> {
    this.#generation++
    await this.#options.revoking()
    this.#share = new Map()
    return Buffer.alloc(0)
  }

  #joined(places: readonly Place[]): void {
    const generation = this.#generation
    startingPositions(this.#client, this.#options.group, places).then(
      (positions) => {
        if (this.#over || generation !== this.#generation) return
        this.#paused.clear()
        this.#share = new Map(positions.map((position) => [placeKey(position), { ...position }]))
        this.#options.assigned(positions)
        this.#fetch()
      },
      (error: unknown) => this.#end(error),
    )
  }

  /** One loop for each broker that leads something of the share; where leaders have moved, the loops follow. */
  #fetch(): void {
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
    this.#leaders().then(
      (leaders) => {
        for (const node of leaders.keys()) {
          if (this.#fetching.has(node)) continue
          this.#fetching.add(node)
          void this.#fetchFrom(node).finally(() => this.#fetching.delete(node))
        }
      },
      (error: unknown) => this.#end(error),
    )
  }

  async #leaders(): Promise<Map<number, Position[]>> {
    const { topics } = await this.#fetcher.metadata({ topics: [...this.#options.topics] })
    return Map.groupBy(
      this.#share.values(),
      ({ topic, partition }) => topics.get(topic)?.partitions[partition]?.leader ?? -1,
    )
  }

  async #fetchFrom(node: number): Promise<void> {
    while (!this.#over) {
      const generation = this.#generation
      const wake = this.#wake.promise
      try {
        const led = (await this.#leaders()).get(node) ?? []
        const wanted = led.filter((position) => !this.#paused.has(placeKey(position)))
        if (wanted.length === 0) {
          await wake
          continue
        }
        // One that is paused may be resumed meanwhile, and no fetch under way would bring it.
        const maxWaitMs = wanted.length < led.length ? this.#options.maxWaitMs / 5 : this.#options.maxWaitMs
        const { minBytes } = this.#options
        const fetched = await fetchRecords(this.#fetcher, node, wanted, { maxWaitMs, minBytes })
        this.#failures.succeeded(node)
        if (this.#over || generation !== this.#generation) continue
        for (const { topic, partition, records, next } of fetched) {
          const position = this.#share.get(placeKey({ topic, partition }))
          if (position === undefined) continue
          position.offset = next
          if (records.length > 0) this.#options.records({ topic, partition }, records)
        }
      } catch (error) {
        if (this.#over) return
        this.#failures.failed(node, error)
        await this.#recover(error)
      }
    }
  }

  /** Retention has overtaken the group: it goes on at the earliest event there is. All else passes or ends the membership. */
  async #recover(error: unknown): Promise<void> {
    if (error instanceof Error && findErrorBy(error, 'apiId', 'OFFSET_OUT_OF_RANGE')) {
      const earliest = await this.#fetcher
        .listOffsets({ topics: [...this.#options.topics], timestamp: ListOffsetTimestamps.EARLIEST })
        .catch(() => new Map<string, bigint[]>())
      for (const position of this.#share.values()) {
        position.offset = Math.max(position.offset, Number(earliest.get(position.topic)?.[position.partition] ?? 0))
      }
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
    // Leaders may have moved.
    this.#fetcher.clearMetadata()
    this.#fetch()
  }

  #end(error: unknown): void {
    if (this.#over) return
    this.#over = true
    this.#wake.resolve()
    this.#options.ended(error)
  }

  /**
   * By a request of its own: the client's `commit` answers a lost membership by joining again and committing under the new
   * one, which would move partitions that are somebody else's by then.
   */
  async commit(positions: readonly Position[]): Promise<void> {
    if (this.#membership === null) throw new Error('not in the group')
    const { generationId, memberId } = this.#membership
    const coordinator = this.#member.coordinatorId ?? (await this.#member.findGroupCoordinator())
    const connection = (await this.#member.connectToBrokers([coordinator])).get(coordinator)
    if (connection === undefined) throw new Error('the coordinator of the group cannot be reached')
    const topics = byTopic(positions).map(([name, here]) => ({
      name,
      partitions: here.map(({ partition, offset }) => ({
        partitionIndex: partition,
        committedOffset: BigInt(offset),
        committedLeaderEpoch: -1,
        committedMetadata: null,
      })),
    }))
    await offsetCommitV9.api.async(connection, this.#options.group, generationId, memberId, null, topics)
  }

  pause(place: Place): void {
    this.#paused.add(placeKey(place))
  }

  resume(place: Place): void {
    if (!this.#paused.delete(placeKey(place))) return
    this.#wake.resolve()
    this.#wake = Promise.withResolvers()
  }

  async leave(): Promise<void> {
    this.#over = true
    this.#wake.resolve()
    const closing = [this.#member.close(true), this.#fetcher.close(true)]
    await within(LEAVE_MS, 'leaving', Promise.allSettled(closing)).catch(() => {})
  }

  /** Without a connection, closing says nothing to anybody. */
  sever(): void {
    this.#over = true
    this.#wake.resolve()
    for (const consumer of [this.#member, this.#fetcher]) {
      for (const [, connection] of consumer.connections) connection.socket.destroy()
      consumer.close(true).catch(() => {})
    }
  }
}
