/**
 * What the engine needs of a Kafka client, and no more: kafkajs and @platformatic/kafka both stand behind it. Names of
 * topics and groups are those of the broker here; offsets are numbers, exact up to 2^53.
 */
import type { Logger } from '../../observe/logger.ts'
import type { Certificates } from '../../tls.ts'
import type { SaslSettings } from './settings.ts'

/**
 * Bytes that a fetch brings, of one partition and in all. Small, for many groups read side by side after an outage, each
 * with all its partitions full; an event that is larger comes alone.
 */
export const FETCH = Object.freeze({ partitionBytes: 262_144, bytes: 8_388_608 })

/** What a subscription that gathers waits for: some 140 likes, more than go side by side. */
export const GATHERED_BYTES = 65_536

export interface Place {
  topic: string
  partition: number
}

export interface Position extends Place {
  offset: number
}

/** A partition's ends: its first event, and where the next will lie. */
export interface Bounds extends Place {
  first: number
  next: number
}

export interface OutgoingRecord extends Place {
  key: string
  value: string
  headers: Readonly<Record<string, string>>
}

export interface IncomingRecord {
  offset: number
  key: string | null
  value: string | null
  headers: Readonly<Record<string, string>>
}

export interface TopicSpec {
  name: string
  partitions: number
  replication: number
  /** The broker's settings of the topic, for example retention.ms. */
  config: Readonly<Record<string, string>>
}

export interface MembershipOptions {
  group: string
  topics: readonly string[]
  /** Milliseconds after which the group takes a silent member for dead. */
  sessionMs: number
  /** Milliseconds that a fetch waits at the broker while there is less than `minBytes`. */
  maxWaitMs: number
  minBytes: number
  /** The member's share from now on, instead of all it had before, each to be read from its position. */
  assigned(share: readonly Position[]): void
  /** Before the member asks for a new share: ends the work on the present one and commits it. Never throws. */
  revoking(): Promise<void>
  records(place: Place, records: readonly IncomingRecord[]): void
  /** Fetches from a broker go on failing, so many in a row by now; said at growing intervals. */
  failing(error: unknown, failures: number): void
  /** This membership is over, and what it held is lost; the next one is a new call. At most once. */
  ended(error: unknown): void
}

export interface GroupMembership {
  /** Resolves when the broker has the offsets. Throws when the group has gone on without this member. */
  commit(positions: readonly Position[]): Promise<void>
  /** Brings no more of a partition until it is resumed. A new share is not paused. */
  pause(place: Place): void
  resume(place: Place): void
  /** Leaves the group and frees what is held, within a few seconds whatever the broker does. Never throws. */
  leave(): Promise<void>
}

export interface KafkaClient {
  /** Creates those topics that are missing; leaves the others as they are. */
  createTopics(topics: readonly TopicSpec[]): Promise<void>
  /** Appends at all in-sync replicas, without doubles by the client's own repetitions. Calls do not overlap. */
  append(records: readonly OutgoingRecord[]): Promise<void>
  bounds(topics: readonly string[]): Promise<Bounds[]>
  /** The first offset in each partition that was appended at an instant or after; its end where there is none. */
  offsetsAt(topics: readonly string[], sinceMs: number): Promise<Position[]>
  groups(): Promise<string[]>
  /** Where a group stands; partitions in which it has committed nothing are missing. */
  committed(group: string, topics: readonly string[]): Promise<Position[]>
  /** Moves a group that has no members. Throws while it has some. */
  setCommitted(group: string, positions: readonly Position[]): Promise<void>
  /** Deletes what lies before the positions. */
  trim(positions: readonly Position[]): Promise<void>
  /** Some records from a position on, outside of any group; none only at the end of the partition. */
  read(from: Position): Promise<IncomingRecord[]>
  /** Becomes a member of a group; failures come through `ended`. */
  join(options: MembershipOptions): GroupMembership
  /** Cuts all connections without a word and makes no new ones: what a crash looks like from outside. */
  sever(): void
  /** Frees what is held, within a few seconds whatever the broker does. Memberships have been left before. */
  close(): Promise<void>
}

export interface KafkaClientOptions {
  brokers: readonly string[]
  /** Null: without TLS. */
  tls: Certificates | null
  /** Null: without a sign-in. */
  sasl: SaslSettings | null
  /** Milliseconds for one request, and for an append with all its repetitions. */
  requestMs: number
  appendMs: number
  logger: Logger
}

/** Where a group goes on: at its commit, or at the earliest event when it has none or what it points at is gone. */
export async function startingPositions(client: KafkaClient, group: string, places: readonly Place[]) {
  if (places.length === 0) return []
  const topics = [...new Set(places.map(({ topic }) => topic))]
  const [committed, bounds] = await Promise.all([client.committed(group, topics), client.bounds(topics)])
  const at = new Map(committed.map((position) => [placeKey(position), position.offset]))
  const ends = new Map(bounds.map((bound) => [placeKey(bound), bound]))
  return places.map(({ topic, partition }): Position => {
    const key = placeKey({ topic, partition })
    const { first = 0, next = Number.MAX_SAFE_INTEGER } = ends.get(key) ?? {}
    const offset = at.get(key) ?? first
    return { topic, partition, offset: offset >= first && offset <= next ? offset : first }
  })
}

export const placeKey = ({ topic, partition }: Place) => `${topic}/${partition}`

/** Groups positions by topic, as all requests of the protocol want them. */
export function byTopic<T extends Place>(places: readonly T[]): [topic: string, places: T[]][] {
  return [...Map.groupBy(places, ({ topic }) => topic)]
}
