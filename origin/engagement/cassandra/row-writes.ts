/**
 * Rows that follow from what a conditional write decided. What comes for a partition while a write to it is under way goes together
 * in the next: a post that many like at once costs a node one write and one sync of its log where each like would be one.
 */
import { Problem } from '#core/problem.ts'
import { createGroupCommit, type GroupCommit } from '../../group-commit.ts'
import type { CassandraSession, Statement } from './session.ts'

/** Some 70 bytes a like: well below the 5 KiB from which on Cassandra warns of a batch. */
const ROWS_PER_WRITE = 50

export interface RowWrites {
  /**
   * Resolves when the row is written. All statements of a partition may be applied twice, and in any order.
   * @param partition names it among all that this is used for
   * @throws Problem 503 when Cassandra cannot do it now
   */
  write(partition: string, statement: Statement): Promise<void>
}

export function gatherRows(session: Pick<CassandraSession, 'write' | 'writeTogether'>): RowWrites {
  /** Of partitions that somebody waits for: bounded by the calls under way. */
  const groups = new Map<string, { group: GroupCommit<Statement, never>; waiting: number }>()
  return {
    async write(partition, statement) {
      const entry = groups.get(partition) ?? { group: groupOf(session), waiting: 0 }
      groups.set(partition, entry)
      entry.waiting++
      try {
        await entry.group.append([statement])
      } finally {
        if (--entry.waiting === 0) groups.delete(partition)
      }
    },
  }
}

function groupOf(session: Pick<CassandraSession, 'write' | 'writeTogether'>): GroupCommit<Statement, never> {
  return createGroupCommit(
    async (statements: readonly Statement[]) => {
      const [first] = statements
      if (statements.length === 1 && first !== undefined) await session.write(first.query, first.params)
      else await session.writeTogether(statements)
      return []
    },
    // What Cassandra cannot do now it cannot do for each of them either; anything else may be one statement's fault.
    (error) => !(error instanceof Problem),
    { room: roomForRows, failsWaiting: true },
  )
}

function roomForRows(): (statements: readonly Statement[]) => boolean {
  let rows = 0
  return ({ length }) => {
    rows += length
    return rows <= ROWS_PER_WRITE
  }
}
