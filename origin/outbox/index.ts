/**
 * The safety net of the edge queue: publishes what is committed and was not brought within seconds, and cleans up what is
 * no longer needed. Several processes may sweep the same database at once.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { TidelineEvent } from '#core/events.ts'
import { LATEST_MS } from '#core/late-writes.ts'
import type { Database } from '#drizzle/database.ts'
import {
  deleteCommentAliases,
  deleteIdempotencyKeys,
  deletePublished,
  deleteWaitingEdits,
  markPublished,
  vacuumOutbox,
} from '#drizzle/queries/outbox.ts'
import type { EventLog } from '../event-log.ts'
import type { Logger } from '../observe/logger.ts'
import type { Metrics } from '../observe/metrics.ts'
import { type Letter, type SweepNeeds, sweepOn, sweepOnce } from './sweep.ts'

export interface OutboxOptions {
  /** All of them: a mark goes where its row is. */
  database: Database
  /** Each by itself, the directory first: they are swept side by side. Left out: `database` is a single one. */
  databases?: readonly Database[]
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
  /**
   * Only after the log has acknowledged the events. Those that are not in the outbox are no error, nor is a database that is
   * away: what is not marked is published once more. Resolves after a second even if one says nothing.
   */
  markPublished(events: readonly TidelineEvent[]): Promise<void>
  /**
   * Publishes what is late (or older than so many milliseconds), and answers how many rows it took.
   * @throws what one database answered, after all others are done
   */
  sweep(olderThanMs?: number): Promise<number>
  /** Publishes everything now. As patient and as forgiving as `markPublished`: the next sweeps do what this leaves. */
  flush(): Promise<void>
  /**
   * Deletes what is published for an hour, and idempotency keys and aliases of comments of three days ago. Answers how many rows.
   * @throws what one database answered, after all others are done
   */
  clean(): Promise<number>
  /** Sweeps and cleans from now on. */
  start(): void
  /** Resolves when no sweep is under way. */
  stop(): Promise<void>
}

const CLEAN_EVERY_MS = 60_000
const PUBLISHED_FOR_MS = 3_600_000
const ROWS_A_DELETE = 2_000
/** What nobody needs to wait for is waited for so long: a batch of the edge queue is given up after 15 s. */
const PATIENCE_MS = 1_000

export function createOutbox(options: OutboxOptions): Outbox {
  const { database, databases = [database], lateMs = 2_000, everyMs = 1_000, vacuum = false } = options
  const logger = options.logger.child({ part: 'outbox' })
  const outboxes = sweptBy(options, databases, logger)
  let cleanTimer: NodeJS.Timeout | null = null
  let stopped = false
  const sweep = (olderThanMs = lateMs) => total(outboxes.map((needs) => sweepOnce(needs, olderThanMs)))
  const clean = () =>
    total(databases.map((one, i) => cleanOnce(one, { isFirst: i === 0, vacuum, isStopped: () => stopped })))
  const loops = outboxes.map((needs) => sweepOn(() => sweepOnce(needs, lateMs), everyMs, needs.logger))
  const patiently = async (what: string, work: Promise<unknown>): Promise<void> => {
    const told = work.catch((error: unknown) => logger.warn({ err: error }, what))
    await Promise.race([told, delay(PATIENCE_MS, undefined, { ref: false })])
  }
  return {
    async markPublished(events) {
      const rows = events.filter(({ key }) => /^\d+$/.test(key))
      if (rows.length === 0) return
      await patiently('published events could not be marked in the outbox', database.query(markPublished(rows)))
    },
    sweep,
    flush: () => patiently('the outbox could not be swept at once', sweep(0)),
    clean,
    start() {
      for (const loop of loops) loop.start()
      cleanTimer = setInterval(() => {
        clean().catch((error: unknown) => logger.warn({ err: error }, 'the outbox could not be cleaned'))
      }, CLEAN_EVERY_MS)
    },
    async stop() {
      stopped = true
      if (cleanTimer) clearInterval(cleanTimer)
      await Promise.all(loops.map((loop) => loop.stop()))
    },
  }
}

/** What each database's sweeper needs; with several the log says whose it is. */
function sweptBy({ log, bury, metrics }: OutboxOptions, databases: readonly Database[], logger: Logger): SweepNeeds[] {
  const swept = metrics.counter(
    'outbox_swept_total',
    'Events that the sweeper published: what the origin itself commits, and what the edge queue did not bring',
  )
  return databases.map((database, i) => ({
    database,
    log,
    bury,
    swept: (events) => swept.inc(events),
    logger: databases.length === 1 ? logger : logger.child({ database: i + 1 }),
  }))
}

/** The sum, when all are done. @throws the first failure */
async function total(parts: readonly Promise<number>[]): Promise<number> {
  const outcomes = await Promise.allSettled(parts)
  let sum = 0
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') throw outcome.reason
    sum += outcome.value
  }
  return sum
}

interface Cleaning {
  isFirst: boolean
  vacuum: boolean
  /** Asked before each further deletion. */
  isStopped(): boolean
}

async function cleanOnce(database: Database, { isFirst, vacuum, isStopped }: Cleaning): Promise<number> {
  let rows = 0
  for (const statement of [
    deletePublished(PUBLISHED_FOR_MS, ROWS_A_DELETE),
    deleteIdempotencyKeys(LATEST_MS, ROWS_A_DELETE),
    ...(isFirst ? [deleteCommentAliases(LATEST_MS, ROWS_A_DELETE), deleteWaitingEdits(LATEST_MS, ROWS_A_DELETE)] : []),
  ]) {
    for (let deleted = ROWS_A_DELETE; deleted >= ROWS_A_DELETE && !isStopped(); ) {
      deleted = (await database.query(statement)).length
      rows += deleted
    }
  }
  if (rows > 0 && vacuum) for (const statement of vacuumOutbox()) await database.query(statement)
  return rows
}
