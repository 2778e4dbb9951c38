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
import { isTold } from '../observe/sparingly.ts'
import { planMember, type Take } from './assignment.ts'
import type { Committer } from './committer.ts'
import { type HeldPartition, holdPartition, readerName } from './held-partition.ts'
import type { HeldRegistry } from './registry.ts'

export interface Membership {
  join(member: MemberRow): void
  /** Lets the handlers at work finish, commits, and hands the partitions to whoever comes next. */
  leave(members: readonly string[]): Promise<void>
  /** These partitions are somebody else's by now. */
  drop(held: readonly HeldPartition[]): void
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
  /** Beats that failed, in a row. */
  #failures = 0

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

  drop(held: readonly HeldPartition[]): void {
    this.#drop(held, 'partitions were taken over by other members')
  }

  #drop(held: readonly HeldPartition[], why: string): void {
    const { registry, logger } = this.#options
    const ours = held.filter(({ over }) => !over.signal.aborted)
    if (ours.length === 0) return
    for (const one of ours) {
      one.over.abort()
      registry.remove(one)
    }
    // One line, and not one for each: after an outage of the database all of a process's leases end at once.
    logger.info({ partitions: ours.length, groups: [...new Set(ours.map(({ group }) => group))] }, why)
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
      .then(() => {
        this.#failures = 0
      })
      .catch((error: unknown) => {
        const failures = ++this.#failures
        if (isTold(failures)) {
          this.#options.logger.warn({ err: error, failures }, 'membership could not be renewed; trying again')
        }
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
    if (clock() - this.#renewedMs > leaseMs) {
      this.#drop([...registry.all()], 'the leases of partitions have ended; what is free is taken anew')
    }
    await this.#register()
    const members = [...this.#joined.values()]
    if (members.length === 0) return
    const rows = await this.#renew(members)
    const plans = members
      .filter(({ member }) => this.#joined.has(member))
      .map((member) => planMember(member, rows, registry.of(member.member), this.#releasing))
    this.drop(plans.flatMap((plan) => plan.lost))
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
