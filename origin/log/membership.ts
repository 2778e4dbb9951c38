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
import { planAssignment } from './assignment.ts'
import type { Committer } from './committer.ts'
import { type HeldPartition, holdPartition, placeName } from './held-partition.ts'
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

type Take = { member: string; group: string; topic: string; partition: number; expected: string | null }

export function createMembership(options: MembershipOptions): Membership {
  const { database, registry, committer, leaseMs, clock, logger } = options
  const joined = new Map<string, MemberRow>()
  const unregistered = new Set<MemberRow>()
  const releasing = new Set<string>()
  let renewedMs = clock()
  let timer: NodeJS.Timeout | null = null
  let beating: Promise<void> | null = null
  let stopped = false

  function drop(held: HeldPartition): void {
    if (held.over.signal.aborted) return
    held.over.abort()
    registry.remove(held)
    logger.info({ group: held.group, topic: held.topic, partition: held.partition }, 'a partition was taken over')
  }

  /** Ends the work on partitions, commits it, and frees them in the same statement. */
  async function release(given: readonly HeldPartition[]): Promise<void> {
    const names = given.map((held) => `${held.member} ${placeName(held.topic, held.partition)}`)
    for (const name of names) releasing.add(name)
    for (const held of given) {
      held.over.abort()
      registry.remove(held)
    }
    try {
      await Promise.all(given.map((held) => held.working))
      await committer.flush(given)
    } finally {
      for (const name of names) releasing.delete(name)
    }
  }

  function planMember(member: MemberRow, rows: readonly StandingRow[]): { takes: Take[]; given: HeldPartition[] } {
    const takes: Take[] = []
    const given: HeldPartition[] = []
    const held = registry.of(member.member)
    for (const topic of member.topics) {
      const here = rows.filter((row) => row.group === member.group && row.topic === topic)
      const plan = planAssignment(here, member.member)
      const mine = new Map(held.filter((h) => h.topic === topic).map((h) => [h.partition, h]))
      for (const [partition, h] of mine) if (!plan.owned.includes(partition)) drop(h)
      for (const partition of plan.release) {
        const h = mine.get(partition)
        if (h) given.push(h)
      }
      // Ours in the table but not in memory: the answer to the take was lost, or its release failed.
      const orphans = plan.owned.filter(
        (partition) => !mine.has(partition) && !releasing.has(`${member.member} ${placeName(topic, partition)}`),
      )
      const base = { member: member.member, group: member.group, topic }
      for (const partition of orphans) takes.push({ ...base, partition, expected: member.member })
      for (const take of plan.take) takes.push({ ...base, ...take })
      const free = here.find((row) => row.owner === null)
      if (free) free.partitions = free.partitions.filter(([p]) => !plan.take.some((t) => t.partition === p))
    }
    return { takes, given }
  }

  async function take(takes: readonly Take[]): Promise<void> {
    if (takes.length === 0) return
    const rows = await database.query<{ member: string; topic: string; partition: number; offset: string }>(
      takePartitions(takes),
    )
    for (const row of rows) {
      const member = joined.get(row.member)
      if (!member) continue
      const { topic, partition } = row
      registry.add(holdPartition({ member: row.member, group: member.group, topic, partition }, Number(row.offset)))
    }
    if (rows.length > 0) options.taken()
    if (rows.length < takes.length) schedule(SOON_MS)
  }

  async function beat(): Promise<void> {
    // Longer silent than the lease: others may read already. What is held counts no more.
    if (clock() - renewedMs > leaseMs) for (const held of [...registry.all()]) drop(held)
    for (const member of unregistered) {
      await database.query(registerGroup(member.group, member.topics, options.partitions))
      unregistered.delete(member)
    }
    const members = [...joined.values()]
    if (members.length === 0) return
    const askedMs = clock()
    await database.query(renewMembers(members, leaseMs))
    renewedMs = askedMs
    const groups = [...new Set(members.map((member) => member.group))]
    const rows = await database.query<StandingRow>(standings(groups))
    const plans = members.filter((m) => joined.has(m.member)).map((member) => planMember(member, rows))
    const given = plans.flatMap((plan) => plan.given)
    if (given.length > 0) release(given).catch((error: unknown) => logger.warn({ err: error }, 'could not release'))
    await take(plans.flatMap((plan) => plan.takes))
  }

  function beatNow(): void {
    if (beating || stopped) return
    if (timer) clearTimeout(timer)
    timer = null
    let nextMs = leaseMs / 3
    beating = Promise.resolve()
      .then(beat)
      .catch((error: unknown) => {
        logger.warn({ err: error }, 'membership could not be renewed; trying again')
        nextMs = Math.min(nextMs, SOON_MS)
      })
      .finally(() => {
        beating = null
        schedule(unregistered.size > 0 ? 0 : nextMs)
      })
  }

  function schedule(ms: number): void {
    if (stopped || timer) return
    timer = setTimeout(beatNow, ms)
  }

  return {
    join(member) {
      joined.set(member.member, member)
      unregistered.add(member)
      beatNow()
    },
    async leave(members) {
      for (const member of members) joined.delete(member)
      await beating
      try {
        await release(members.flatMap((member) => registry.of(member)))
        await database.query(removeMembers(members))
      } catch (error) {
        // Whoever comes next takes over when the lease ends, from the last commit that went through.
        logger.warn({ err: error }, 'partitions could not be handed over')
      }
    },
    drop,
    async stop() {
      stopped = true
      if (timer) clearTimeout(timer)
      await beating
    },
  }
}
