/** The engines that the event log's contract runs over. Each opens the log as one process of the origin would. */
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { type Database, nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { startEmbeddedPostgres } from '../../origin/embedded/postgres/index.ts'
import type { OperableEventLog } from '../../origin/event-log.ts'
import { type PostgresLogOptions, postgresLog } from '../../origin/log/index.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { createMetrics } from '../../origin/observe/metrics.ts'

export interface LogEngine {
  name: string
  /** Offsets have no gaps: true of the embedded log, not of every broker. */
  gapless: boolean
  /** The log as one more process sees it. */
  open(): OperableEventLog
  /** A process that has died without a word: it renews nothing any more, and none of its handlers counts. */
  openAndForget(): { log: OperableEventLog; die(): void }
  /** For a child process: see event-log-publisher.ts. */
  url: string
  clear(): Promise<void>
  stop(): Promise<void>
}

/** Short pauses, so that the contract is quick to check; the order of magnitude between them is as in production. */
export const QUICK: Partial<PostgresLogOptions> = {
  leaseMs: 600,
  backoff: { firstMs: 5, maxMs: 50 },
  poll: { minMs: 20, maxMs: 200 },
  commitMs: 5,
}

export function openPostgresLog(database: Database, options: Partial<PostgresLogOptions> = {}): OperableEventLog {
  return postgresLog({
    database,
    clock: Date.now,
    random: Math.random,
    logger: createLogger({ level: 'silent' }),
    metrics: createMetrics(),
    ...QUICK,
    ...options,
  })
}

/** A connection that can be cut as a power failure would: what follows never answers. */
function mortal(database: Database): Database & { die(): void } {
  let dead = false
  const never = new Promise<never>(() => {})
  return {
    query: (statement) => (dead ? never : database.query(statement)),
    batch: (statements) => (dead ? never : database.batch(statements)),
    die() {
      dead = true
    },
  }
}

/** The log on Postgres: the embedded one, or a server whose address is given. */
export async function startPostgresEngine(server?: string): Promise<LogEngine> {
  const embedded = server === undefined ? await startEmbeddedPostgres() : null
  const url = server ?? embedded!.url
  const pool = new pg.Pool({ connectionString: url, max: 8 })
  pool.on('error', () => {})
  await migrate(pool)
  const database = nodeDatabase(drizzle(pool))
  return {
    name: embedded ? 'embedded Postgres' : 'Postgres server',
    gapless: true,
    url,
    open: () => openPostgresLog(database),
    openAndForget() {
      const connection = mortal(database)
      return { log: openPostgresLog(connection), die: connection.die }
    },
    async clear() {
      await pool.query('TRUNCATE log_messages, log_partitions, log_offsets, log_members')
    },
    async stop() {
      await pool.end()
      await embedded?.close()
    },
  }
}
