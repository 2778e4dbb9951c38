/** Runs in Node before the tests of the fanout-consumer Worker: the origin's real ingest over embedded Postgres, at an address that the tests are told. */
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { problems } from '#core/problem.ts'
import { nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { startEmbeddedPostgres } from '../../origin/embedded/postgres/index.ts'
import { createInternalApi, serveApi } from '../../origin/http.ts'
import { createIngest, deferredFromMethods, postgresDeadLetters } from '../../origin/ingest/index.ts'
import { postgresLog } from '../../origin/log/index.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { createMetrics } from '../../origin/observe/metrics.ts'
import { createOutbox } from '../../origin/outbox/index.ts'

declare module 'vitest' {
  interface ProvidedContext {
    originUrl: string
  }
}

export const TEST_SERVICE_TOKEN = 'a-service-token-for-tests'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startEmbeddedPostgres()
  const pool = new pg.Pool({ connectionString: server.url, max: 4 })
  await migrate(pool)
  const database = nodeDatabase(drizzle(pool))
  const logger = createLogger({ level: 'silent' })
  const common = { clock: Date.now, random: Math.random, logger, metrics: createMetrics() }
  const log = postgresLog({ database, ...common })
  const deadLetters = postgresDeadLetters(database)
  const ingest = createIngest({
    reviveMediaJobs: async () => 0,
    ...common,
    log,
    outbox: createOutbox({ database, log, bury: async () => {}, ...common }),
    deadLetters,
    deferredHandlers: deferredFromMethods({
      'engagement.like': async ({ postId }) => {
        if (postId === '503') throw problems.away('The engagement store')
        return { result: 'added', version: 1 }
      },
    }),
  })
  /** What the tests ask afterwards. */
  const inspect = {
    maxBytes: 1_000,
    handle: async () => ({
      events: (await pool.query('SELECT value FROM log_messages')).rows.map(({ value }) => value.id),
      letters: (await pool.query('SELECT queue, message_id, reason FROM dead_letters')).rows,
    }),
  }
  const app = createInternalApi({
    ...common,
    serviceTokens: [TEST_SERVICE_TOKEN],
    methods: {},
    endpoints: { ...ingest.endpoints, '/internal/test-inspect': inspect },
  })
  const http = await serveApi(app, { host: '127.0.0.1', port: 0 })
  project.provide('originUrl', `http://127.0.0.1:${http.port}`)
  return async () => {
    await http.close()
    await log.close()
    await pool.end()
    await server.close()
  }
}
