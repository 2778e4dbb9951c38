/** Keeps the log small and its lag known. Several processes may do so at once. */
import type { Clock } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import { deleteHandled, groupLag, removeMembers, vacuumLog } from '#drizzle/queries/log.ts'
import type { Logger } from '../observe/logger.ts'
import type { LogMetrics } from './log-metrics.ts'

const EXPIRE_EVERY_MS = 600_000
const LAG_EVERY_MS = 15_000
/** One statement's worth: short enough not to hold up the one connection of an embedded database. */
const ROWS_PER_STATEMENT = 2_000

interface RetentionOptions {
  database: Database
  keepHours: number
  vacuum: boolean
  clock: Clock
  metrics: LogMetrics
  logger: Logger
}

export interface Retention {
  /** Measures this group's lag from now on. */
  watch(group: string): void
  expire(): Promise<number>
  stop(): void
}

export function createRetention(options: RetentionOptions): Retention {
  const { database, keepHours, vacuum, clock, metrics, logger } = options
  const groups = new Set<string>()

  async function expire(): Promise<number> {
    const before = new Date(clock() - keepHours * 3_600_000)
    let total = 0
    for (let deleted = ROWS_PER_STATEMENT; deleted === ROWS_PER_STATEMENT; ) {
      deleted = (await database.query(deleteHandled(before, ROWS_PER_STATEMENT))).length
      total += deleted
    }
    await database.query(removeMembers([]))
    if (total > 0 && vacuum) for (const statement of vacuumLog()) await database.query(statement)
    return total
  }

  async function measureLag(): Promise<void> {
    for (const group of groups) {
      const rows = await database.query<{ topic: string; lag: string }>(groupLag(group))
      for (const { topic, lag } of rows) metrics.lag.set({ group, topic }, Number(lag))
    }
  }

  const quietly = (work: () => Promise<unknown>) => () => {
    work().catch((error: unknown) => logger.warn({ err: error }, 'upkeep of the log failed; trying again later'))
  }
  const timers = [setInterval(quietly(expire), EXPIRE_EVERY_MS), setInterval(quietly(measureLag), LAG_EVERY_MS)]
  for (const timer of timers) timer.unref()

  return {
    watch: (group) => void groups.add(group),
    expire,
    stop: () => timers.forEach(clearInterval),
  }
}
