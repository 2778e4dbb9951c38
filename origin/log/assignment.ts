/**
 * Who reads what: the members of a group share a topic's partitions evenly. Each decides for itself from the same table
 * and takes by compare and set, so no leader is needed; nothing moves unless somebody has more than a fair share.
 */
import type { Membership, StandingRow } from '#drizzle/queries/log.ts'
import { type HeldPartition, readerName } from './held-partition.ts'

export interface AssignmentPlan {
  /** Free partitions to take, each with the owner to be replaced. */
  take: { partition: number; expected: string | null }[]
  /** Partitions above the fair share, to hand to members that have fewer. */
  release: number[]
  /** Partitions that the table says are this member's. */
  owned: number[]
}

/**
 * @param rows one topic of one group: a row a living owner, and one with owner null for what is free
 * @param member who asks; counted among the living members already
 */
export function planAssignment(rows: readonly StandingRow[], member: string): AssignmentPlan {
  const total = rows.reduce((sum, row) => sum + row.partitions.length, 0)
  const members = Math.max(1, rows[0]?.members ?? 1)
  const share = Math.ceil(total / members)
  const owned = (rows.find((row) => row.owner === member)?.partitions ?? []).map(([partition]) => partition)
  const free = rows.find((row) => row.owner === null)?.partitions ?? []
  const room = Math.max(0, share - owned.length)
  return {
    take: free.slice(0, room).map(([partition, expected]) => ({ partition, expected })),
    release: owned.slice(share),
    owned,
  }
}

/** A partition to be taken from `expected`, or from nobody. */
export interface Take {
  member: string
  group: string
  topic: string
  partition: number
  expected: string | null
}

export interface MemberPlan {
  takes: Take[]
  /** Held, and to be handed to others. */
  given: HeldPartition[]
  /** Held, though by the table somebody else's. */
  lost: HeldPartition[]
}

/**
 * What one member of this process takes, gives and has lost, over all its topics. What it takes is struck from the free in
 * `rows`: the process's next member plans on what is left.
 * @param rows how the member's group stands; rows of other groups are passed over
 * @param held what the member reads now
 * @param releasing names of readers whose partitions are being given up: still theirs by the table
 */
export function planMember(
  { member, group, topics }: Membership,
  rows: readonly StandingRow[],
  held: readonly HeldPartition[],
  releasing: ReadonlySet<string>,
): MemberPlan {
  const plan: MemberPlan = { takes: [], given: [], lost: [] }
  for (const topic of topics) {
    const here = rows.filter((row) => row.group === group && row.topic === topic)
    const { owned, release, take } = planAssignment(here, member)
    const mine = held.filter((one) => one.topic === topic)
    plan.lost.push(...mine.filter((one) => !owned.includes(one.partition)))
    plan.given.push(...mine.filter((one) => release.includes(one.partition)))
    // Ours in the table but not in memory: the answer to the take was lost, or its release failed.
    const orphans = owned
      .filter((partition) => !mine.some((one) => one.partition === partition))
      .filter((partition) => !releasing.has(readerName(member, topic, partition)))
    const retake = orphans.map((partition) => ({ partition, expected: member }))
    plan.takes.push(...[...retake, ...take].map((one) => ({ member, group, topic, ...one })))
    const free = here.find((row) => row.owner === null)
    if (free) free.partitions = free.partitions.filter(([p]) => !take.some(({ partition }) => partition === p))
  }
  return plan
}
