/**
 * Who reads what: the members of a group share a topic's partitions evenly. Each decides for itself from the same table
 * and takes by compare and set, so no leader is needed; nothing moves unless somebody has more than a fair share.
 */
import type { StandingRow } from '#drizzle/queries/log.ts'

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
