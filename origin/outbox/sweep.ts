/**
 * Publishes what one database's outbox holds for too long. Each database is swept by itself: of one that is away the rows
 * wait, and those of the others do not.
 */
import { parseEvent, type TidelineEvent } from '#core/events.ts'
import type { Database } from '#drizzle/database.ts'
import { claimUnpublished, markPublishedHere } from '#drizzle/queries/outbox.ts'
import type { EventLog } from '../event-log.ts'
import type { Logger } from '../observe/logger.ts'
import { isDataFault } from '../outages.ts'

/** A row that is no event, or none that the log can store. */
export interface Letter {
  id: string
  body: unknown
  reason: string
  attempts: number
}

export interface SweepNeeds {
  database: Database
  log: Pick<EventLog, 'publish'>
  /** Keeps a row that must not be tried for ever. */
  bury(letters: readonly Letter[]): Promise<void>
  /** Told how many events were published. */
  swept(events: number): void
  logger: Logger
}

export const ROWS_A_SWEEP = 500
/** A sweeper that dies gives its rows back after this time. */
const CLAIM_MS = 10_000
/** Pauses after failures grow up to this: whatever was away is back for some seconds at most before its rows go on. */
const LONGEST_PAUSE_MS = 5_000

/** Publishes what is older than so many milliseconds. Answers how many rows it took. */
export async function sweepOnce(needs: SweepNeeds, olderThanMs: number): Promise<number> {
  const { database, logger } = needs
  const rows = await database.query<{ event_id: string; body: unknown }>(
    claimUnpublished(olderThanMs, CLAIM_MS, ROWS_A_SWEEP),
  )
  const events: TidelineEvent[] = []
  const letters: Letter[] = []
  for (const { event_id: id, body } of rows) {
    try {
      events.push(parseEvent(body))
    } catch (error) {
      letters.push(letter(id, body, 'not an event we know', error))
    }
  }
  await layAside(needs, letters)
  if (events.length > 0) {
    const published = await publishStorable(needs, events)
    await mark(database, published)
    needs.swept(published.length)
    // What the origin itself commits (a sign-up) comes this way always: the types tell it from what a queue did not bring.
    const types = [...new Set(published.map(({ type }) => type))]
    logger.info({ events: published.length, types }, 'published from the outbox what nothing else had brought')
  }
  return rows.length
}

/** Sweeps again and again; at once after a full sweep, since more may be late. */
export function sweepOn(sweep: () => Promise<number>, everyMs: number, logger: Logger) {
  let timer: NodeJS.Timeout | null = null
  let working: Promise<unknown> = Promise.resolve()
  let stopped = false
  let pauseMs = everyMs
  function after(delayMs: number): void {
    if (stopped) return
    timer = setTimeout(() => {
      working = sweep()
        .then((rows) => {
          pauseMs = everyMs
          after(rows >= ROWS_A_SWEEP ? 0 : everyMs)
        })
        .catch((error: unknown) => {
          logger.warn({ err: error }, 'the outbox could not be swept; trying again')
          after(pauseMs)
          pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)
        })
    }, delayMs)
  }
  return {
    start: () => after(everyMs),
    async stop() {
      stopped = true
      if (timer) clearTimeout(timer)
      await working
    },
  }
}

/** All at once; one by one when one of them is what the log cannot store. Answers the others. */
async function publishStorable(needs: SweepNeeds, events: readonly TidelineEvent[]): Promise<TidelineEvent[]> {
  try {
    await needs.log.publish(events)
    return [...events]
  } catch (error) {
    if (!isDataFault(error)) throw error
    if (events.length === 1) {
      await layAside(
        needs,
        events.map((event) => letter(event.id, event, 'the log cannot store it', error)),
      )
      return []
    }
  }
  const published: TidelineEvent[] = []
  for (const event of events) published.push(...(await publishStorable(needs, [event])))
  return published
}

async function layAside({ database, bury }: SweepNeeds, letters: readonly Letter[]): Promise<void> {
  if (letters.length === 0) return
  await bury(letters)
  await mark(database, letters)
}

async function mark(database: Database, rows: readonly { id: string }[]): Promise<void> {
  if (rows.length > 0) await database.query(markPublishedHere(rows.map(({ id }) => id)))
}

const letter = (id: string, body: unknown, why: string, error: unknown): Letter => ({
  id,
  body,
  reason: `${why}: ${String(error)}`.slice(0, 500),
  attempts: 1,
})
