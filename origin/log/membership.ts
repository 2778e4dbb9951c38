/**
 * Keeps this process's members alive and their partitions theirs. A member that stops saying so for the length of its
 * lease is dead to the others, who take its partitions over; all of it by the database's clock and by compare and set.
 */
import type { Clock } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import {
  type Membership as MemberRow,
  registerGroup,
  removeMembers,
  renewMembers,
  type StandingRow,
  standings,
  takePartitions,
} from '#drizzle/queries/log.ts'
import type { Logger } from '../observe/logger.ts'
import { planMember, type Take } from './assignment.ts'
import type { Committer } from './committer.ts'
import { type HeldPartition, holdPartition, readerName } from './held-partition.ts'
import type { HeldRegistry } from './registry.ts'

export interface Membership {
  join(member: MemberRow): void
  /** Lets the handlers at work finish, commits, and hands the partitions to whoever comes next. */
  leave(members: readonly string[]): Promise<void>
  /** The partition is somebody else's by now. */
  drop(held: HeldPartition): void
  stop(): Promise<void>
}

interface MembershipOptions {
  database: Database
  registry: HeldRegistry
  committer: Committer
  leaseMs: number
  partitions: number
  clock: Clock
  /** Partitions were taken: there may be something to read. */
  taken(): void
  logger: Logger
}

/** A race for free partitions was lost, or the database did not answer: look again soon. */
const SOON_MS = 250

export function createMembership(options: MembershipOptions): Membership {
  return new LeasedMembership(options)
}

/** Beats three times a lease: renews, looks who has what, gives what is too much and takes what is free. */
class LeasedMembership implements Membership {
  readonly #options: MembershipOptions
  readonly #joined = new Map<string, MemberRow>()
  /** Joined, and the places of their groups may not stand in the table yet. */
  readonly #unregistered = new Set<MemberRow>()
  /** What is being given up: no longer in the registry, still ours in the table. */
  readonly #releasing = new Set<string>()
  #renewedMs: number
  #timer: NodeJS.Timeout | null = null
  #beating: Promise<void> | null = null
  #isStopped = false

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#renewedMs = options.clock()
  }

  join(member: MemberRow): void {
    this.#joined.set(member.member, member)
    this.#unregistered.add(member)
    this.#beatNow()
  }

  async leave(members: readonly string[]): Promise<void> {
    const { database, registry, logger } = this.#options
    for (const member of members) this.#joined.delete(member)
    await this.#beating
    try {
      await this.#release(members.flatMap((member) => registry.of(member)))
      await database.query(removeMembers(members))
    } catch (error) {
      // Whoever comes next takes over when the lease ends, from the last commit that went through.
      logger.warn({ err: error }, 'partitions could not be handed over')
    }
  }

  drop(held: HeldPartition): void {
    if (held.over.signal.aborted) return
    const { registry, logger } = this.#options
    held.over.abort()
    registry.remove(held)
    logger.info({ group: held.group, topic: held.topic, partition: held.partition }, 'a partition was taken over')
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer) clearTimeout(this.#timer)
    await this.#beating
  }

  #schedule(ms: number): void {
    if (this.#isStopped || this.#timer) return
    this.#timer = setTimeout(() => this.#beatNow(), ms)
  }

  #beatNow(): void {
    if (this.#beating || this.#isStopped) return
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    let nextMs = this.#options.leaseMs / 3
    this.#beating = Promise.resolve()
      .then(() => this.#beat())
      .catch((error: unknown) => {
        this.#options.logger.warn({ err: error }, 'membership could not be renewed; trying again')
        nextMs = Math.min(nextMs, SOON_MS)
      })
      .finally(() => {
        this.#beating = null
        this.#schedule(this.#unregistered.size > 0 ? 0 : nextMs)
      })
  }

  async #beat(): Promise<void> {
    const { registry, leaseMs, clock, logger } = this.#options
    // Longer silent than the lease: others may read already. What is held counts no more.
    if (clock() - this.#renewedMs > leaseMs) for (const held of [...registry.all()]) this.drop(held)
    await this.#register()
    const members = [...this.#joined.values()]
    if (members.length === 0) return
    const rows = await this.#renew(members)
    const plans = members
      .filter(({ member }) => this.#joined.has(member))
      .map((member) => planMember(member, rows, registry.of(member.member), this.#releasing))
    for (const held of plans.flatMap((plan) => plan.lost)) this.drop(held)
    const given = plans.flatMap((plan) => plan.given)
    if (given.length > 0) {
      this.#release(given).catch((error: unknown) => logger.warn({ err: error }, 'could not release'))
    }
    await this.#take(plans.flatMap((plan) => plan.takes))
  }

  async #register(): Promise<void> {
    const { database, partitions } = this.#options
    for (const member of this.#unregistered) {
      await database.query(registerGroup(member.group, member.topics, partitions))
      this.#unregistered.delete(member)
    }
  }

  /** Prolongs the members' leases and answers how their groups stand. */
  async #renew(members: readonly MemberRow[]): Promise<StandingRow[]> {
    const { database, leaseMs, clock } = this.#options
    // From the question on, and not from its answer: so ours is never over later than the database's.
    const askedMs = clock()
    await database.query(renewMembers(members, leaseMs))
    this.#renewedMs = askedMs
    return database.query<StandingRow>(standings([...new Set(members.map((member) => member.group))]))
  }

  async #take(takes: readonly Take[]): Promise<void> {
    if (takes.length === 0) return
    const { database, registry } = this.#options
    const rows = await database.query<{ member: string; topic: string; partition: number; offset: string }>(
      takePartitions(takes),
    )
    for (const row of rows) {
      const member = this.#joined.get(row.member)
      if (!member) continue
      const { topic, partition } = row
      registry.add(holdPartition({ member: row.member, group: member.group, topic, partition }, Number(row.offset)))
    }
    if (rows.length > 0) this.#options.taken()
    if (rows.length < takes.length) this.#schedule(SOON_MS)
  }

  /** Ends the work on partitions, commits it, and frees them in the same statement. */
  async #release(given: readonly HeldPartition[]): Promise<void> {
    const { registry, committer } = this.#options
    const names = given.map((held) => readerName(held.member, held.topic, held.partition))
    for (const name of names) this.#releasing.add(name)
    for (const held of given) {
      held.over.abort()
      registry.remove(held)
    }
    try {
      await Promise.all(given.map((held) => held.working))
      await committer.flush(given)
    } finally {
      for (const name of names) this.#releasing.delete(name)
    }
  }
}
