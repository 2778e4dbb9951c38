import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { afterAll, expect, it } from 'vitest'
import { makeEvent, type TidelineEvent } from '#core/events.ts'
import { nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { insertOutbox } from '#drizzle/queries/outbox.ts'
import { startEmbeddedPostgres } from '../embedded/postgres/index.ts'
import { postgresLog } from '../log/index.ts'
import { createLogger } from '../observe/logger.ts'
import { createMetrics } from '../observe/metrics.ts'
import { replayCommitted } from './replay.ts'

const postgres = await startEmbeddedPostgres()
const pool = new pg.Pool({ connectionString: postgres.url })
await migrate(pool)
const database = nodeDatabase(drizzle({ client: pool }))
const log = postgresLog({
  database,
  clock: Date.now,
  random: Math.random,
  logger: createLogger({ level: 'silent' }),
  metrics: createMetrics(),
})
afterAll(async () => {
  await log.close()
  await pool.end()
  await postgres.close()
})

it('publishes again what was committed since an instant, whatever was published before, and nothing older', async () => {
  const event = (version: number) =>
    makeEvent({ type: 'user.changed', key: '7', actor: '7', data: { userId: '7', version } }, Date.now, Math.random)
  const events = Array.from({ length: 1_203 }, (_, i) => event(i))
  await database.query(insertOutbox(events))
  await database.query(insertOutbox([event(9_999)]))
  await pool.query("update outbox set published_at = now() where (body -> 'data' ->> 'version')::int % 2 = 0")
  await pool.query(
    "update outbox set created_at = now() - interval '10 minutes' where (body -> 'data' ->> 'version')::int = 9999",
  )
  const seen = new Set<number>()
  const consumer = log.subscribe({
    group: 'replay-test',
    topics: ['user.changed'],
    handle: async ({ data }: TidelineEvent<'user.changed'>) => void seen.add(data.version),
  })
  expect(await replayCommitted(database, log, Date.now() - 300_000)).toBe(1_203)
  await expect.poll(() => seen.size, { timeout: 20_000 }).toBe(1_203)
  expect(seen.has(9_999)).toBe(false)
  await consumer.stop()
})
