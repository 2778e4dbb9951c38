/** Two databases, one of which cannot be reached, or says nothing: what the other has goes on. */
import { createServer, type Server } from 'node:net'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { makeEvent, type TidelineEvent } from '#core/events.ts'
import { createIdFactory, type Id } from '#core/ids.ts'
import { type Database, nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { takeDuePurges } from '#drizzle/queries/fanout.ts'
import { leaseJob } from '#drizzle/queries/media.ts'
import { insertOutbox } from '#drizzle/queries/outbox.ts'
import { shardedDatabase } from '#drizzle/sharded.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded/postgres/index.ts'
import { postgresLog } from '../log/index.ts'
import { createLogger } from '../observe/logger.ts'
import { createMetrics } from '../observe/metrics.ts'
import { createOutbox, type Outbox } from './index.ts'

const ids = createIdFactory(Date.now, Math.random)
const logger = createLogger({ level: 'silent' })
/** In the first database, and in the one that is away. */
const [HERE, THERE] = [11, 8_000]
let server: EmbeddedPostgres
let pool: pg.Pool
let silence: Server
const closers: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  server = await startEmbeddedPostgres()
  pool = new pg.Pool({ connectionString: server.url, max: 4 })
  await migrate(pool)
  await pool.query('INSERT INTO shard_owner (first_shard, last_shard) VALUES (0, 4095)')
  silence = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await new Promise((resolve) => silence.once('listening', resolve))
}, 60_000)
afterAll(async () => {
  for (const close of closers) await close()
  silence.close()
  await pool.end()
  await server.close()
})
beforeEach(() => pool.query('TRUNCATE log_messages, log_partitions, outbox, media_jobs, timeline_purges'))

const REFUSING = 1
const silent = () => (silence.address() as { port: number }).port

function at(port: number): { database: Database; databases: Database[]; outbox: Outbox } {
  const away = new pg.Pool({ host: '127.0.0.1', port, connectionTimeoutMillis: 4_000 })
  closers.push(() => away.end())
  const databases = [nodeDatabase(drizzle(pool)), nodeDatabase(drizzle(away))] as const
  const database = shardedDatabase([
    { database: databases[0], ranges: [{ first: 0, last: 4095 }] },
    { database: databases[1], ranges: [{ first: 4096, last: 8191 }] },
  ])
  const metrics = createMetrics()
  const log = postgresLog({ database: databases[0], clock: Date.now, random: Math.random, logger, metrics })
  const outbox = createOutbox({ database, databases, log, bury: async () => {}, logger, metrics, everyMs: 20 })
  return { database, databases: [...databases], outbox }
}

function changed(userId: Id): TidelineEvent {
  const init = { type: 'user.changed' as const, key: userId, actor: userId, data: { userId, version: 1 } }
  return makeEvent(init, Date.now, Math.random)
}

async function lateEvent(database: Database | undefined): Promise<TidelineEvent> {
  const event = changed(ids.next(HERE))
  await database?.query(insertOutbox([event]))
  await pool.query("UPDATE outbox SET created_at = now() - interval '3 seconds'")
  return event
}
const inLog = async () => (await pool.query('SELECT value FROM log_messages')).rows.map(({ value }) => value.id)
const unmarked = async () =>
  (await pool.query('SELECT event_id FROM outbox WHERE published_at IS NULL')).rows.map((row) => row.event_id)

it('sweeps the one that answers, by hand and by itself, whether the other refuses or says nothing', async () => {
  for (const port of [REFUSING, silent()]) {
    await pool.query('TRUNCATE log_messages, log_partitions, outbox')
    const { databases, outbox } = at(port)
    const event = await lateEvent(databases[0])
    outbox.start()
    await expect.poll(inLog, { timeout: 3_000 }).toEqual([event.id])
    await expect.poll(unmarked).toEqual([])
    if (port === REFUSING) {
      await expect(outbox.sweep()).rejects.toThrow('Failed query')
      await expect(outbox.clean()).rejects.toThrow('Failed query')
    }
    void outbox.stop()
  }
})

it('marks what lies in the one that answers, asks no other for that, and does not wait for one that says nothing', async () => {
  const { databases, outbox } = at(silent())
  const event = await lateEvent(databases[0])
  const began = performance.now()
  await outbox.markPublished([event])
  expect(await unmarked()).toEqual([])
  expect(performance.now() - began).toBeLessThan(900)
  const other = await lateEvent(databases[0])
  await outbox.markPublished([other, changed(ids.next(THERE))])
  expect(performance.now() - began).toBeLessThan(3_500)
  await expect.poll(unmarked).toEqual([])
})

it('takes second purges and media jobs of the one that answers, and tells of the other when there are no more', async () => {
  const { database } = at(REFUSING)
  await pool.query(`INSERT INTO timeline_purges (follower_id, followee_id, due_at)
    VALUES (${ids.next(HERE)}, 1, now() - interval '1 hour')`)
  expect(await database.query(takeDuePurges(10, 60_000))).toHaveLength(1)
  await expect(database.query(takeDuePurges(10, 60_000))).rejects.toThrow('Failed query')
  await pool.query(`INSERT INTO media_jobs (media_id, run_after) SELECT ${ids.next(HERE)} + n, now() - interval '1 hour'
    FROM generate_series(0, 1) n`)
  const lease = (nowMs: number) => database.query(leaseJob({ owner: 'w', nowMs, untilMs: nowMs + 60_000 }))
  // Whichever is asked first.
  const even = Math.floor(Date.now() / 2) * 2
  expect(await lease(even)).toHaveLength(1)
  expect(await lease(even + 1)).toHaveLength(1)
  await expect(lease(even)).rejects.toThrow('Failed query')
})
