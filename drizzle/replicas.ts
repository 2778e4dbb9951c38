/** A database and its replica as one: reads that may lag go to the replica while it is near enough, all else to the primary. */
import type { Database } from './database.ts'
import { isLagAllowed } from './placement.ts'

interface Replica {
  readonly database: Database
  /** Asked before every read that it could answer. */
  isUsable(): boolean
  /** Hears who answered a read that may lag. */
  onRead?(by: 'replica' | 'primary'): void
}

/** A read that the replica fails, whyever, is the primary's: a standby also cancels what stands in the way of its replay. */
export function withReplica(primary: Database, { database, isUsable, onRead = () => {} }: Replica): Database {
  const read = async <T>(ask: (one: Database) => Promise<T>): Promise<T> => {
    if (isUsable()) {
      const answer = await ask(database).catch(() => null)
      if (answer !== null) {
        onRead('replica')
        return answer
      }
    }
    onRead('primary')
    return ask(primary)
  }
  return {
    query: (statement) => (isLagAllowed(statement) ? read((one) => one.query(statement)) : primary.query(statement)),
    batch: (statements) =>
      statements.length > 0 && statements.every(isLagAllowed)
        ? read((one) => one.batch(statements))
        : primary.batch(statements),
  }
}
