import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeEvent, type TidelineEvent } from '#core/events.ts'
import { type Database, nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { insertOutbox } from '#drizzle/queries/outbox.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded/postgres/index.ts'
import { postgresLog } from '../log/index.ts'
import { createLogger } from '../observe/logger.ts'
import { createMetrics } from '../observe/metrics.ts'
import { createOutbox, type Outbox } from './index.ts'

let server: EmbeddedPostgres
let pool: pg.Pool
let database: Database
let buried: unknown[]
let logAway: boolean

const logger = createLogger({ level: 'silent' })
const rows = async (sql: string) => (await pool.query(sql)).rows as Record<string, unknown>[]
const inLog = async () => (await rows('SELECT value FROM log_messages')).map(({ value }) => (value as TidelineEvent).id)

function changed(userId: string): TidelineEvent {
  const init = { type: 'user.changed' as const, key: userId, actor: userId, data: { userId, version: 1 } }
  return makeEvent(init, Date.now, Math.random)
}

function open(lateMs = 2_000): Outbox {
  const common = { clock: Date.now, random: Math.random, logger, metrics: createMetrics() }
  const log = postgresLog({ database, ...common })
  return createOutbox({
    database,
    log: {
      ...log,
      publish: (events) => (logAway ? Promise.reject(new Error('away')) : log.publish(events)),
    },
    bury: async (letters) => void buried.push(...letters),
    logger,
    metrics: common.metrics,
    lateMs,
    everyMs: 20,
    vacuum: true,
  })
}

beforeAll(async () => {
  server = await startEmbeddedPostgres()
  pool = new pg.Pool({ connectionString: server.url, max: 4 })
  await migrate(pool)
  database = nodeDatabase(drizzle(pool))
}, 60_000)
afterAll(async () => {
  await pool.end()
  await server.close()
})
beforeEach(async () => {
  await pool.query('TRUNCATE log_messages, log_partitions, outbox, idempotency_keys, comment_aliases, waiting_edits')
  buried = []
  logAway = false
})

/** As if the rows had been written earlier. */
const age = (table: string, column: string, interval: string) =>
  pool.query(`UPDATE ${table} SET ${column} = now() - interval '${interval}'`)

describe('outbox', () => {
  it('publishes what the edge queue has not brought in time, and nothing younger', async () => {
    const [late, young, brought] = [changed('1'), changed('2'), changed('3')]
    const outbox = open()
    await database.query(insertOutbox([late, brought]))
    await age('outbox', 'created_at', '3 seconds')
    await database.query(insertOutbox([young]))
    await outbox.markPublished([brought])
    expect(await outbox.sweep()).toBe(1)
    expect(await inLog()).toEqual([late.id])
    expect(await outbox.sweep()).toBe(0)
  })

  it('meets rows that are older than one it has published, since transactions commit out of order', async () => {
    const outbox = open()
    const [early, later] = [changed('1'), changed('2')]
    await database.query(insertOutbox([later]))
    await age('outbox', 'created_at', '3 seconds')
    expect(await outbox.sweep()).toBe(1)
    await pool.query(
      `INSERT INTO outbox (event_id, type, body, created_at) VALUES ($1, $2, $3, now() - interval '1 hour')`,
      [early.id, early.type, early],
    )
    expect(await outbox.sweep()).toBe(1)
    expect((await inLog()).toSorted()).toEqual([early.id, later.id].toSorted())
  })

  it('never publishes a row from two sweepers at once', async () => {
    const events = Array.from({ length: 60 }, (_, n) => changed(String(n)))
    await database.query(insertOutbox(events))
    await age('outbox', 'created_at', '3 seconds')
    const taken = await Promise.all([open(), open(), open()].map((outbox) => outbox.sweep()))
    expect(taken.reduce((a, b) => a + b)).toBe(60)
    expect((await inLog()).length).toBe(60)
  })

  it('keeps what the log does not take, and publishes it when the log is back', async () => {
    const event = changed('1')
    await database.query(insertOutbox([event]))
    await age('outbox', 'created_at', '3 seconds')
    logAway = true
    const outbox = open()
    await expect(outbox.sweep()).rejects.toThrow('away')
    expect(await rows('SELECT 1 FROM outbox WHERE published_at IS NOT NULL')).toEqual([])
    // The claim of the failed sweep ends.
    await age('outbox', 'claimed_until', '1 second')
    logAway = false
    outbox.start()
    await expect.poll(inLog, { timeout: 5_000 }).toEqual([event.id])
    await outbox.stop()
  })

  it('lays rows that are no events aside, instead of trying them for ever', async () => {
    await pool.query(`INSERT INTO outbox (event_id, type, body, created_at)
      VALUES ('broken', 'x', '{"a": 1}', now() - interval '1 minute')`)
    const outbox = open()
    expect(await outbox.sweep()).toBe(1)
    expect(buried).toMatchObject([{ id: 'broken', body: { a: 1 } }])
    expect(await outbox.sweep()).toBe(0)
  })

  it('lays an event aside that the log cannot store, and publishes those beside it', async () => {
    const events = [changed('1'), changed('2'), changed('3')]
    const [, unstorable] = events
    await database.query(insertOutbox(events))
    await age('outbox', 'created_at', '3 seconds')
    // As an event with a character that this database's encoding lacks: jsonb would not have let one into the outbox here.
    await pool.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      RAISE EXCEPTION 'untranslatable' USING ERRCODE = '22P05'; END $$`)
    await pool.query(`CREATE TRIGGER refuse BEFORE INSERT ON log_messages FOR EACH ROW WHEN (NEW.key = '2')
      EXECUTE FUNCTION refuse()`)
    try {
      const outbox = open()
      expect(await outbox.sweep()).toBe(3)
      expect((await inLog()).toSorted()).toEqual([events[0]!.id, events[2]!.id].toSorted())
      expect(buried).toMatchObject([{ id: unstorable!.id, body: unstorable }])
      await age('outbox', 'claimed_until', '1 second')
      expect(await outbox.sweep()).toBe(0)
    } finally {
      await pool.query('DROP TRIGGER refuse ON log_messages')
      await pool.query('DROP FUNCTION refuse')
    }
  })

  it('deletes what has been published for an hour, and keys, aliases and waiting edits of three days ago, and nothing else', async () => {
    const [old, unpublished, fresh] = [changed('1'), changed('2'), changed('3')]
    await database.query(insertOutbox([old, unpublished, fresh]))
    await age('outbox', 'created_at', '2 days')
    await pool.query(`UPDATE outbox SET published_at = now() - interval '2 hours' WHERE event_id = $1`, [old.id])
    await pool.query('UPDATE outbox SET published_at = now() WHERE event_id = $1', [fresh.id])
    await pool.query(`INSERT INTO idempotency_keys (user_id, key, request_hash, status, response, created_at) VALUES
      (1, 'old', 'h', 201, '{}', now() - interval '73 hours'), (1, 'new', 'h', 201, '{}', now() - interval '71 hours')`)
    await pool.query(`INSERT INTO comment_aliases (post_id, alias_id, user_id, comment_id, created_at) VALUES
      (1, 2, 1, 4, now() - interval '73 hours'), (1, 3, 1, 4, now() - interval '71 hours')`)
    await pool.query(`INSERT INTO waiting_edits (post_id, comment_id, user_id, body, edited_at, created_at) VALUES
      (1, 2, 1, 'old', 1, now() - interval '73 hours'), (1, 3, 1, 'new', 1, now() - interval '71 hours')`)
    expect(await open().clean()).toBe(4)
    expect(await rows('SELECT body FROM waiting_edits')).toEqual([{ body: 'new' }])
    expect(await rows('SELECT alias_id::text AS alias FROM comment_aliases')).toEqual([{ alias: '3' }])
    const left = (await rows('SELECT event_id FROM outbox')).map((row) => row.event_id)
    expect(left.toSorted()).toEqual([unpublished.id, fresh.id].toSorted())
    expect(await rows('SELECT key FROM idempotency_keys')).toEqual([{ key: 'new' }])
  })
})
