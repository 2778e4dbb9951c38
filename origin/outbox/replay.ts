/** Events that are committed, published once more: what follows from them is derived again. Every consumer bears it. */
import { parseEvent } from '#core/events.ts'
import type { Database } from '#drizzle/database.ts'
import { type CommittedRow, committedSince } from '#drizzle/queries/outbox.ts'
import type { EventLog } from '../event-log.ts'

/** Published rows stay this long (see the sweeper's cleaning): further back there is nothing to replay. */
export const REPLAYABLE_MS = 3_000_000
const ROWS_A_PAGE = 500

/** Publishes again what was committed since an instant. Answers how many events. */
export async function replayCommitted(database: Database, log: EventLog, sinceMs: number): Promise<number> {
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
