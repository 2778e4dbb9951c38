/** The engines that the event log's contract runs over. Each opens the log as one process of the origin would. */
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { type Database, nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { runningBrokers } from '../../ops/cluster/brokers.ts'
import { startEmbeddedPostgres } from '../../origin/embedded/postgres/index.ts'
import type { OperableEventLog } from '../../origin/event-log.ts'
import { type PostgresLogOptions, postgresLog } from '../../origin/log/index.ts'
import { KAFKA_CLIENTS } from '../../origin/log/kafka/settings.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { createMetrics } from '../../origin/observe/metrics.ts'
import { createDatabaseAt } from './engines.ts'
import type { LogEngine } from './event-log-engine.ts'
import { startKafkaEngine } from './event-log-kafka.ts'

export interface Candidate {
  name: string
  /** Null where there is no such server. */
  start: (() => Promise<LogEngine>) | null
  /** Why not. */
  absent: string
}

/** The engines of the event log. A new one joins by a line. */
export async function logEngines(): Promise<Candidate[]> {
  const server = process.env.POSTGRES_TEST_URL
  const brokers = await runningBrokers()
  const absent = 'neither KAFKA_BROKERS nor the small cluster (npm run cluster) has a broker to test against'
  return [
    { name: 'the embedded Postgres', start: () => startPostgresEngine(), absent: '' },
    {
      name: 'a Postgres server',
      start: server ? () => startPostgresEngine(server) : null,
      absent: 'POSTGRES_TEST_URL names no server to test against',
    },
    ...KAFKA_CLIENTS.map((client) => ({
      name: `Kafka with ${client}`,
      start: brokers === null ? null : () => startKafkaEngine(brokers, client),
      absent,
    })),
  ]
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

/** The log on Postgres: the embedded one, or a database of its own at a server whose address is given. */
export async function startPostgresEngine(server?: string): Promise<LogEngine> {
  const engine = server === undefined ? await startEmbeddedPostgres() : await createDatabaseAt(server)
  const { url } = engine
  const pool = new pg.Pool({ connectionString: url, max: 8 })
  pool.on('error', () => {})
  await migrate(pool)
  const database = nodeDatabase(drizzle(pool))
  return {
    gapless: true,
    forPublisher: () => ({ kind: 'postgres', url }),
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
      await engine.close()
    },
  }
}
