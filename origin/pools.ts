/** Connections of the origin to Postgres. */
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { type Database, nodeDatabase, sqlState } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import type { Logger } from './observe/logger.ts'
import { sparingly } from './observe/sparingly.ts'

/**
 * The origin's own pools, one a database. A Postgres that is silent must not hold its callers for ever.
 * - `max`: the embedded engine is one connection at heart; more only queue there.
 * - `connectionTimeoutMillis`: for a connection of the pool, new or free. Callers of the edge give up sooner.
 * - `statement_timeout`: above what any statement of ours takes. Postgres ends it and says so.
 * - `query_timeout`: a little later, for a server that says nothing. The embedded engine has no statement_timeout, and its
 *   statements wait for one another, VACUUM included. A server of its own that is silent is noticed before that (silence.ts).
 * - `replica`: what it cannot answer soon is asked of the primary.
 */
export const POOL = {
  embedded: { max: 8, connectionTimeoutMillis: 10_000, query_timeout: 120_000 },
  distributed: { max: 20, connectionTimeoutMillis: 10_000, statement_timeout: 30_000, query_timeout: 35_000 },
  replica: { max: 20, connectionTimeoutMillis: 1_000, statement_timeout: 10_000, query_timeout: 11_000 },
}

export function openPool(connectionString: string, limits: pg.PoolConfig, logger: Logger): pg.Pool {
  const pool = new pg.Pool({ connectionString, ...limits })
  const broke = sparingly(Date.now, (error, times) =>
    logger.warn({ err: error, times }, 'a connection to Postgres broke'),
  )
  // One that breaks within a transaction is nobody's but its own: without a listener it would end the process.
  pool.on('connect', (client) => client.on('error', broke))
  // Of idle ones the pool tells once more.
  pool.on('error', () => {})
  return pool
}

/** Brings a database to the schema. On a connection of its own: building an index may take longer than any request waits. */
export async function migrateAt(connectionString: string): Promise<void> {
  const pool = new pg.Pool({
    connectionString,
    max: 1,
    connectionTimeoutMillis: POOL.distributed.connectionTimeoutMillis,
  })
  try {
    await migrate(pool)
  } finally {
    await pool.end()
  }
}

/**
 * Transactions bring their connection back themselves: drizzle returns one that hangs to the pool as if it were sound,
 * and none at all when its BEGIN fails.
 */
export function pooledDatabase(pool: pg.Pool): Database {
  return {
    query: nodeDatabase(drizzle({ client: pool })).query,
    async batch(statements) {
      const client = await pool.connect()
      try {
        const results = await nodeDatabase(drizzle({ client })).batch(statements)
        client.release()
        return results
      } catch (error) {
        // An error that Postgres told of leaves the connection sound; after any other nobody knows what comes next on it.
        client.release(sqlState(error) === null)
        throw error
      }
    },
  }
}
