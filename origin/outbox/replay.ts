/** Events that are committed, published once more: what follows from them is derived again. Every consumer bears it. */
import { parseEvent } from '#core/events.ts'
import type { Database } from '#drizzle/database.ts'
import { type CommittedRow, committedSince } from '#drizzle/queries/outbox.ts'
import type { EventLog } from '../event-log.ts'
import type { Logger } from '../observe/logger.ts'

/** Published rows stay this long (see the sweeper's cleaning): further back there is nothing to replay. */
export const REPLAYABLE_MS = 3_000_000
const ROWS_A_PAGE = 500

export interface Replays {
  /**
   * Publishes again what was committed since an instant, in each database. Of one that is away it is owed; the others do not
   * wait for it. Answers how many events.
   * @throws when none of them could be replayed
   */
  since(sinceMs: number): Promise<number>
  /** Replays what is owed, where that is possible by now. Answers how many events. */
  catchUp(): Promise<number>
}

export interface ReplayNeeds {
  /** Each by itself. */
  databases: readonly Database[]
  log: Pick<EventLog, 'publish'>
  logger: Logger
}

export function createReplays({ databases, log, logger }: ReplayNeeds): Replays {
  /** From when on a database's events are owed. */
  const owed = new Map<Database, number>()

  async function settle(): Promise<{ events: number; failures: unknown[] }> {
    const result = { events: 0, failures: [] as unknown[] }
    const replay = async ([database, sinceMs]: [Database, number]) => {
      try {
        result.events += await replayCommitted(database, log, sinceMs)
        // A loss that was noticed meanwhile reaches further back: that one is still owed.
        if (owed.get(database) === sinceMs) owed.delete(database)
      } catch (error) {
        result.failures.push(error)
        logger.warn({ err: error, database: databases.indexOf(database) + 1 }, 'committed events could not be replayed')
      }
    }
    await Promise.all([...owed].map(replay))
    return result
  }

  return {
    async since(sinceMs) {
      for (const database of databases) owed.set(database, Math.min(sinceMs, owed.get(database) ?? sinceMs))
      const { events, failures } = await settle()
      if (failures.length === databases.length) throw failures[0]
      return events
    },
    catchUp: async () => (owed.size === 0 ? 0 : (await settle()).events),
  }
}

async function replayCommitted(database: Database, log: Pick<EventLog, 'publish'>, sinceMs: number): Promise<number> {
  let after = ''
  let count = 0
  for (;;) {
    const rows = await database.query<CommittedRow>(committedSince(sinceMs, after, ROWS_A_PAGE))
    await log.publish(rows.map((row) => parseEvent(row.body)))
    count += rows.length
    const last = rows.at(-1)
    if (last === undefined || rows.length < ROWS_A_PAGE) return count
    after = last.event_id
  }
}
