import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { afterAll, expect, it } from 'vitest'
import { makeEvent, type TidelineEvent } from '#core/events.ts'
import { type Database, nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { insertOutbox } from '#drizzle/queries/outbox.ts'
import { startEmbeddedPostgres } from '../embedded/postgres/index.ts'
import { postgresLog } from '../log/index.ts'
import { createLogger } from '../observe/logger.ts'
import { createMetrics } from '../observe/metrics.ts'
import { createReplays } from './replay.ts'

const postgres = await startEmbeddedPostgres()
const pool = new pg.Pool({ connectionString: postgres.url })
await migrate(pool)
const database = nodeDatabase(drizzle({ client: pool }))
const logger = createLogger({ level: 'silent' })
const log = postgresLog({
  database,
  clock: Date.now,
  random: Math.random,
  logger,
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
  const replays = createReplays({ databases: [database], log, logger })
  expect(await replays.since(Date.now() - 300_000)).toBe(1_203)
  expect(await replays.catchUp()).toBe(0)
  await expect.poll(() => seen.size, { timeout: 20_000 }).toBe(1_203)
  expect(seen.has(9_999)).toBe(false)
  await consumer.stop()
})

it('owes a database that is away its replay, and does not keep the others waiting', async () => {
  await pool.query('truncate outbox')
  const event = makeEvent(
    { type: 'user.changed', key: '7', actor: '7', data: { userId: '7', version: 1 } },
    Date.now,
    Math.random,
  )
  await database.query(insertOutbox([event]))
  let isAway = true
  const closed = new pg.Pool({ host: '127.0.0.1', port: 1 })
  const sometimes: Database = {
    query: (statement) => (isAway ? nodeDatabase(drizzle({ client: closed })) : database).query(statement),
    batch: (statements) => database.batch(statements),
  }
  const replays = createReplays({ databases: [database, sometimes], log, logger })
  expect(await replays.since(Date.now() - 300_000)).toBe(1)
  expect(await replays.catchUp()).toBe(0)
  isAway = false
  expect(await replays.catchUp()).toBe(1)
  expect(await replays.catchUp()).toBe(0)
  isAway = true
  const alone = createReplays({ databases: [sometimes], log, logger })
  await expect(alone.since(0)).rejects.toThrow('Failed query')
  await closed.end()
})
