/**
 * One subscription's member of its group, for as long as it lasts: holds its share of the partitions, hands their events to
 * the processor, commits, and joins again when a membership has ended.
 */
import type { Topic } from '#core/events.ts'
import type { Random } from '#core/ids.ts'
import type { Logger } from '../../observe/logger.ts'
import { type BackoffPolicy, backoffMs, pause } from '../backoff.ts'
import { enqueue, type HeldPartition, holdPartition, placeName } from '../held-partition.ts'
import type { Processor } from '../processor.ts'
import type { GroupMembership, IncomingRecord, KafkaClient, Place, Position } from './client.ts'
import { type Commits, createCommits } from './commits.ts'
import type { BrokerNames } from './names.ts'
import { parseValue } from './values.ts'
import { within } from './within.ts'

/** Fetched ahead of the handler: from so many events of a partition on it is paused, and below so many resumed. */
const QUEUE_HIGH = 500
const QUEUE_LOW = 250
/** Between two memberships: at once after a hiccup, calmly while the broker is away. */
const REJOIN: BackoffPolicy = { firstMs: 200, maxMs: 5_000 }

export interface MemberOptions {
  member: string
  group: string
  topics: readonly Topic[]
  client: KafkaClient
  names: BrokerNames
  /** Resolves when the topics are there. */
  ready(): Promise<void>
  processor(advanced: (held: HeldPartition) => void): Processor
  sessionMs: number
  maxWaitMs: number
  minBytes: number
  /** Milliseconds that handlers at work may go on before their partitions are given away regardless. */
  drainMs: number
  commitMs: number
  random: Random
  logger: Logger
}

export class GroupMember {
  readonly #options: MemberOptions
  readonly #processor: Processor
  readonly #commits: Commits
  readonly #held = new Map<string, HeldPartition>()
  readonly #full = new Set<HeldPartition>()
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #membership: GroupMembership | null = null
  /** Takes no share any more: the last one is being given back. */
  #leaving = false

  constructor(options: MemberOptions) {
    this.#options = options
    this.#processor = options.processor((held) => this.#advanced(held))
    this.#commits = createCommits({
      gatherMs: options.commitMs,
      holds: (held) => this.#held.get(placeName(held.topic, held.partition)) === held,
      commit: (positions) => this.#commit(positions),
      logger: options.logger,
    })
    this.#running = this.#run()
  }

  /** Commits what is handled by now, as far as the broker lets it. */
  async settle(): Promise<void> {
    await this.#commits.flush().catch(() => {})
  }

  /** Lets the handlers at work finish, commits, and leaves the group. */
  async stop(): Promise<void> {
    if (!this.#leaving) {
      this.#leaving = true
      await this.#release()
      this.#stopping.abort()
    }
    await this.#running
    this.#commits.close()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping
    const { group, random, logger } = this.#options
    for (let failures = 0; !signal.aborted; ) {
      let assigned = false
      try {
        await this.#options.ready()
        if (!signal.aborted) await this.#belong(() => (assigned = true))
      } catch (error) {
        logger.warn({ err: error, group }, 'the membership of a group ended; joining again')
      }
      if (signal.aborted) return
      failures = assigned ? 1 : failures + 1
      await pause(backoffMs(failures, REJOIN, random), signal)
    }
  }

  /** One membership, from joining to its end. Throws what ended it, unless that was `stop`. */
  async #belong(assigned: () => void): Promise<void> {
    const { client, names, topics, group, sessionMs, maxWaitMs, minBytes, drainMs, logger } = this.#options
    const { signal } = this.#stopping
    const { promise: over, resolve, reject } = Promise.withResolvers<void>()
    const stopped = () => resolve()
    signal.addEventListener('abort', stopped, { once: true })
    const membership = client.join({
      group: names.group(group),
      topics: topics.map(names.topic),
      sessionMs,
      maxWaitMs,
      minBytes,
      assigned: (share) => {
        assigned()
        this.#hold(share)
      },
      revoking: () => this.#release(),
      records: (place, records) => this.#arrived(place, records),
      failing: (error, failures) => logger.warn({ err: error, group, failures }, 'fetches fail; trying again'),
      ended: reject,
    })
    this.#membership = membership
    try {
      await over
    } finally {
      signal.removeEventListener('abort', stopped)
      // Lost, or given back already: whatever is still at work counts no more, but is not overtaken by its own repetition.
      const working = Promise.all([...this.#held.values()].map((held) => held.working))
      this.#drop()
      this.#membership = null
      await Promise.all([membership.leave(), within(drainMs, 'ending the work', working).catch(() => {})])
    }
  }

  #hold(share: readonly Position[]): void {
    this.#drop()
    if (this.#leaving) return
    const { member, group, names } = this.#options
    for (const { topic: name, partition, offset } of share) {
      const topic = names.topicOf(name)
      this.#held.set(placeName(topic, partition), holdPartition({ member, group, topic, partition }, offset))
    }
  }

  #arrived({ topic: name, partition }: Place, records: readonly IncomingRecord[]): void {
    const topic = this.#options.names.topicOf(name)
    const held = this.#held.get(placeName(topic, partition))
    if (held === undefined || held.over.signal.aborted) return
    enqueue(
      held,
      records.map(({ offset, value, headers }) => ({ topic, partition, offset, value: parseValue(value), headers })),
    )
    if (held.queue.length >= QUEUE_HIGH && !this.#full.has(held)) {
      this.#full.add(held)
      this.#membership?.pause({ topic: name, partition })
    }
    this.#processor.kick(held)
  }

  #advanced(held: HeldPartition): void {
    this.#commits.mark(held)
    if (held.queue.length > QUEUE_LOW || !this.#full.delete(held)) return
    const topic = this.#options.names.topic(held.topic as Topic)
    this.#membership?.resume({ topic, partition: held.partition })
  }

  /** Ends the work on all partitions and commits it, in a bounded time: the group waits for that. */
  async #release(): Promise<void> {
    const given = [...this.#held.values()]
    if (given.length === 0) return
    const { group, drainMs, logger } = this.#options
    for (const held of given) held.over.abort()
    const working = Promise.all(given.map((held) => held.working))
    await within(drainMs, 'ending the work', working).catch((error: unknown) => {
      logger.warn({ err: error, group }, 'handlers still at work are left behind; what they do is done again elsewhere')
    })
    await this.#commits.flush().catch((error: unknown) => {
      logger.warn({ err: error, group }, 'partitions are given back uncommitted; the last events are handled again')
    })
    this.#drop()
  }

  #drop(): void {
    for (const held of this.#held.values()) held.over.abort()
    this.#held.clear()
    this.#full.clear()
  }

  async #commit(positions: readonly Position[]): Promise<void> {
    if (this.#membership === null) throw new Error('not in the group')
    const { names } = this.#options
    await this.#membership.commit(
      positions.map((position) => ({ ...position, topic: names.topic(position.topic as Topic) })),
    )
  }
}
