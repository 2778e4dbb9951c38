/**
 * The safety net of the edge queue: publishes what is committed and was not brought within seconds, and cleans up what is
 * no longer needed. Several processes may sweep the same database at once.
 */
import { parseEvent, type TidelineEvent } from '#core/events.ts'
import type { Database } from '#drizzle/database.ts'
import {
  claimUnpublished,
  deleteCommentAliases,
  deleteIdempotencyKeys,
  deletePublished,
  markPublished,
  vacuumOutbox,
} from '#drizzle/queries/outbox.ts'
import type { EventLog } from '../event-log.ts'
import { isDataFault } from '../log/away.ts'
import type { Logger } from '../observe/logger.ts'
import type { Metrics } from '../observe/metrics.ts'

interface Letter {
  id: string
  body: unknown
  reason: string
  attempts: number
}

export interface OutboxOptions {
  database: Database
  log: EventLog
  /** Keeps a row that is no event, or none that the log can store: it must not be tried for ever. */
  bury(letters: readonly Letter[]): Promise<void>
  logger: Logger
  metrics: Metrics
  /** Milliseconds that the edge queue has before the sweeper takes over. Default 2,000. */
  lateMs?: number
  /** Milliseconds between sweeps. Default 1,000. */
  everyMs?: number
  /** The engine has no autovacuum (the embedded one): clean up after deleting. Default false. */
  vacuum?: boolean
}

export interface Outbox {
  /** Only after the log has acknowledged the events. Ids that are not in the outbox are no error. */
  markPublished(eventIds: readonly string[]): Promise<void>
  /** Publishes what is late (or older than so many milliseconds), and answers how many rows it took. */
  sweep(olderThanMs?: number): Promise<number>
  /** Deletes what is published for an hour, and idempotency keys and aliases of comments of three days ago. Answers how many rows. */
  clean(): Promise<number>
  /** Sweeps and cleans from now on. */
  start(): void
  /** Resolves when no sweep is under way. */
  stop(): Promise<void>
}

const ROWS_A_SWEEP = 500
/** A sweeper that dies gives its rows back after this time. */
const CLAIM_MS = 10_000
const CLEAN_EVERY_MS = 60_000
const PUBLISHED_FOR_MS = 3_600_000
/** A key counts for a day, and a write under it may then wait in the edge queue for most of another (rules 19 and 21). */
const IDEMPOTENCY_FOR_MS = 3 * 86_400_000
const ROWS_A_DELETE = 2_000

export function createOutbox(options: OutboxOptions): Outbox {
  const { database, metrics, lateMs = 2_000, everyMs = 1_000, vacuum = false } = options
  const logger = options.logger.child({ part: 'outbox' })
  const swept = metrics.counter('outbox_swept_total', 'Events that the sweeper published for the edge queue')
  const needs: SweepNeeds = { ...options, logger, swept: (events) => swept.inc(events) }
  let cleanTimer: NodeJS.Timeout | null = null
  let stopped = false
  const sweep = (olderThanMs = lateMs) => sweepOnce(needs, olderThanMs)
  const clean = () => cleanOnce(database, vacuum, () => stopped)
  const sweeping = sweepOn(sweep, everyMs, logger)
  return {
    markPublished: (eventIds) => mark(database, eventIds),
    sweep,
    clean,
    start() {
      sweeping.start()
      cleanTimer = setInterval(() => {
        clean().catch((error: unknown) => logger.warn({ err: error }, 'the outbox could not be cleaned'))
      }, CLEAN_EVERY_MS)
    },
    async stop() {
      stopped = true
      if (cleanTimer) clearInterval(cleanTimer)
      await sweeping.stop()
    },
  }
}

interface SweepNeeds extends Pick<OutboxOptions, 'database' | 'log' | 'bury' | 'logger'> {
  /** Told how many events were published. */
  swept(events: number): void
}

/** Sweeps again and again; at once after a full sweep, since more may be late. */
function sweepOn(sweep: () => Promise<number>, everyMs: number, logger: Logger) {
  let timer: NodeJS.Timeout | null = null
  let working: Promise<unknown> = Promise.resolve()
  let stopped = false
  function after(delayMs: number): void {
    if (stopped) return
    timer = setTimeout(() => {
      working = sweep()
        .then((rows) => after(rows >= ROWS_A_SWEEP ? 0 : everyMs))
        .catch((error: unknown) => {
          logger.warn({ err: error }, 'the outbox could not be swept; trying again')
          after(everyMs)
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

async function sweepOnce(needs: SweepNeeds, olderThanMs: number): Promise<number> {
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
    await mark(
      database,
      published.map(({ id }) => id),
    )
    needs.swept(published.length)
    logger.info({ events: published.length }, 'published what the edge queue had not brought')
  }
  return rows.length
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
  await mark(
    database,
    letters.map(({ id }) => id),
  )
}

async function mark(database: Database, eventIds: readonly string[]): Promise<void> {
  if (eventIds.length > 0) await database.query(markPublished(eventIds))
}

/** @param isStopped asked before each further deletion */
async function cleanOnce(database: Database, vacuum: boolean, isStopped: () => boolean): Promise<number> {
  let total = 0
  for (const statement of [
    deletePublished(PUBLISHED_FOR_MS, ROWS_A_DELETE),
    deleteIdempotencyKeys(IDEMPOTENCY_FOR_MS, ROWS_A_DELETE),
    deleteCommentAliases(IDEMPOTENCY_FOR_MS, ROWS_A_DELETE),
  ]) {
    for (let deleted = ROWS_A_DELETE; deleted >= ROWS_A_DELETE && !isStopped(); ) {
      deleted = (await database.query(statement)).length
      total += deleted
    }
  }
  if (total > 0 && vacuum) for (const statement of vacuumOutbox()) await database.query(statement)
  return total
}

const letter = (id: string, body: unknown, why: string, error: unknown): Letter => ({
  id,
  body,
  reason: `${why}: ${String(error)}`.slice(0, 500),
  attempts: 1,
})
