/** What only the embedded engine does, or does in its own way; what every engine must do is in test/contract. */
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeEvent } from '#core/events.ts'
import { problems } from '#core/problem.ts'
import { RedisAwayError } from '#core/redis.ts'
import { type Database, nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded/postgres/index.ts'
import { createLogger } from '../observe/logger.ts'
import { createMetrics, type Metrics } from '../observe/metrics.ts'
import { type PostgresLog, type PostgresLogOptions, postgresLog } from './index.ts'

let server: EmbeddedPostgres
let pool: pg.Pool
let database: Database
let metrics: Metrics
const opened: PostgresLog[] = []

/** For who counts what is said of leases: a stall of a busy machine ends none. Renewed every two seconds. */
const UNHURRIED_MS = 6_000

function open(options: Partial<PostgresLogOptions> = {}): PostgresLog {
  metrics = createMetrics()
  const log = postgresLog({
    database,
    clock: Date.now,
    random: Math.random,
    logger: createLogger({ level: 'silent' }),
    metrics,
    leaseMs: 600,
    backoff: { firstMs: 2, maxMs: 10 },
    commitMs: 5,
    vacuum: true,
    ...options,
  })
  opened.push(log)
  return log
}

const changed = (key: string) =>
  makeEvent({ type: 'user.changed', key, actor: null, data: { userId: '1', version: 1 } }, Date.now, Math.random)
const range = (n: number) => Array.from({ length: n }, (_, i) => i)
const messages = async () => Number((await pool.query('SELECT count(*) FROM log_messages')).rows[0].count)

beforeAll(async () => {
  server = await startEmbeddedPostgres()
  pool = new pg.Pool({ connectionString: server.url, max: 8 })
  await migrate(pool)
  database = nodeDatabase(drizzle(pool))
}, 60_000)
afterEach(async () => {
  await Promise.all(opened.splice(0).map((log) => log.close()))
  await pool.query('TRUNCATE log_messages, log_partitions, log_offsets, log_members')
})
afterAll(async () => {
  await pool.end()
  await server.close()
})

describe('the log on Postgres', () => {
  it('waits out an outage, however many tries that takes, instead of giving the event up', async () => {
    const log = open()
    let tries = 0
    const outages = [
      new RedisAwayError('no answer'),
      problems.away('Cassandra'),
      Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
      new Error('query failed', { cause: Object.assign(new Error('shutting down'), { code: '57P01' }) }),
    ]
    const consumer = log.subscribe({
      group: 'a',
      topics: ['user.changed'],
      maxAttempts: 2,
      async handle() {
        if (tries++ < 20) throw outages[tries % outages.length]
      },
    })
    await log.publish([changed('1')])
    await expect.poll(() => tries, { timeout: 5_000 }).toBe(21)
    await expect.poll(() => consumer.lag()).toBe(0)
    expect(await log.deadLetters('user.changed')).toEqual([])
  })

  it('hears of appends by another process at once when it listens', async () => {
    const never = { poll: { minMs: 60_000, maxMs: 60_000 }, listenUrl: server.url }
    const reader = open(never)
    const seen: string[] = []
    reader.subscribe({
      group: 'a',
      topics: ['user.changed'],
      async handle(event) {
        seen.push(event.key)
      },
    })
    const writer = open(never)
    await writer.publish([changed('first')])
    // The first may be met when the partitions are taken; the second only by being told.
    await expect.poll(() => seen, { timeout: 5_000 }).toEqual(['first'])
    await writer.publish([changed('second')])
    await expect.poll(() => seen, { timeout: 5_000 }).toEqual(['first', 'second'])
  })

  it('refuses the commit of a member that was taken for dead', async () => {
    const log = open()
    const { promise: gate, resolve: finish } = Promise.withResolvers<void>()
    const { promise: working, resolve: started } = Promise.withResolvers<AbortSignal>()
    log.subscribe({
      group: 'a',
      topics: ['user.changed'],
      async handle(_, { signal }) {
        started(signal)
        await gate
      },
    })
    await log.publish([changed('1')])
    const signal = await working
    await pool.query(`UPDATE log_offsets SET owner = 'somebody else'`)
    await pool.query(
      `INSERT INTO log_members VALUES ('somebody else', 'a', '{user.changed}', now() + interval '1 hour')`,
    )
    // The handler is told at the next heartbeat, and its result does not count.
    await expect.poll(() => signal.aborted, { timeout: 5_000 }).toBe(true)
    finish()
    await log.close()
    const { rows } = await pool.query('SELECT DISTINCT owner, "offset" FROM log_offsets')
    expect(rows).toEqual([{ owner: 'somebody else', offset: '0' }])
  })

  it('says in one line that all partitions of a process went to others', async () => {
    const lines: string[] = []
    const logger = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } })
    const log = open({ logger, leaseMs: UNHURRIED_MS })
    const signals: AbortSignal[] = []
    const consumers = ['a', 'b'].map((group) =>
      log.subscribe({
        group,
        topics: ['user.changed'],
        async handle(_, { signal }) {
          signals.push(signal)
        },
      }),
    )
    await log.publish([changed('1')])
    await expect.poll(() => signals.length, { timeout: 5_000 }).toBe(2)
    // Committed, so that it is the heartbeat which finds the others.
    for (const consumer of consumers) await expect.poll(() => consumer.lag()).toBe(0)
    // In one transaction: a member that comes is given its half.
    await pool.query(
      `INSERT INTO log_members SELECT 'other ' || g, g, '{user.changed}', now() + interval '1 hour' FROM unnest('{a,b}'::text[]) g;
       UPDATE log_offsets SET owner = 'other ' || group_id`,
    )
    await expect.poll(() => signals.every(({ aborted }) => aborted), { timeout: 5_000 }).toBe(true)
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { partitions: 32, groups: ['a', 'b'], msg: 'partitions were taken over by other members' },
    ])
  })

  it('says in one line that it was silent for longer than its leases, and takes its partitions anew', async () => {
    const lines: string[] = []
    const logger = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } })
    let aheadMs = 0
    const log = open({ logger, leaseMs: UNHURRIED_MS, clock: () => Date.now() + aheadMs })
    const seen: string[] = []
    log.subscribe({
      group: 'a',
      topics: ['user.changed'],
      async handle(event) {
        seen.push(event.key)
      },
    })
    await log.publish([changed('before')])
    await expect.poll(() => seen, { timeout: 5_000 }).toEqual(['before'])
    aheadMs = 60_000
    await expect.poll(() => lines.length, { timeout: 5_000 }).toBe(1)
    await log.publish([changed('after')])
    await expect.poll(() => seen, { timeout: 5_000 }).toEqual(['before', 'after'])
    expect(JSON.parse(lines[0]!)).toMatchObject({ partitions: 16, groups: ['a'] })
  })

  it('deletes what is old, but nothing that a group has still to handle', async () => {
    const hours = (n: number) => ({ clock: () => Date.now() + n * 3_600_000, keepHours: 24 })
    const log = open()
    await log.publish(range(10).map((n) => changed(String(n))))
    const quick = log.subscribe({ group: 'quick', topics: ['user.changed'], handle: async () => {} })
    await expect.poll(() => quick.lag()).toBe(0)
    await pool.query(
      `INSERT INTO log_offsets (group_id, topic, partition) SELECT 'slow', topic, partition FROM log_offsets`,
    )
    expect(await open(hours(23)).expire()).toBe(0)
    expect(await open(hours(25)).expire()).toBe(0)
    await pool.query(`DELETE FROM log_offsets WHERE group_id = 'slow'`)
    expect(await open(hours(25)).expire()).toBe(10)
    expect(await messages()).toBe(0)
    // A group that starts now starts after what is gone, and offsets go on.
    const seen: number[] = []
    const late = log.subscribe({
      group: 'late',
      topics: ['user.changed'],
      async handle(_, { offset }) {
        seen.push(offset)
      },
    })
    await log.publish([changed('0')])
    await expect.poll(() => seen.length).toBe(1)
    expect(seen[0]).toBeGreaterThan(0)
    expect(await late.lag()).toBe(0)
  })

  it('keeps dead letters until they are replayed, whatever their age', async () => {
    const log = open()
    log.subscribe({
      group: 'a',
      topics: ['user.changed'],
      maxAttempts: 1,
      handle: async () => {
        throw new Error('no')
      },
    })
    await log.publish([changed('1')])
    await expect.poll(() => log.deadLetters('user.changed').then((letters) => letters.length)).toBe(1)
    await open({ clock: () => Date.now() + 1e9 }).expire()
    expect((await log.deadLetters('user.changed')).length).toBe(1)
  })

  it('does not lose its place when the database goes away for a while', async () => {
    let away = false
    const flaky: Database = {
      query: (statement) => (away ? Promise.reject(new Error('away')) : database.query(statement)),
      batch: (statements) => database.batch(statements),
    }
    let skewMs = 0
    const log = open({ database: flaky, clock: () => Date.now() + skewMs })
    const seen: string[] = []
    const consumer = log.subscribe({
      group: 'a',
      topics: ['user.changed'],
      async handle(event) {
        seen.push(event.id)
      },
    })
    await log.publish([changed('1')])
    await expect.poll(() => seen.length).toBe(1)
    away = true
    await expect(log.publish([changed('2')])).rejects.toThrow('away')
    const meanwhile = changed('1')
    await open().publish([meanwhile])
    // Longer than the lease: what was held counts no more.
    skewMs = 10_000
    away = false
    await expect.poll(() => seen, { timeout: 5_000 }).toContain(meanwhile.id)
    await expect.poll(() => consumer.lag()).toBe(0)
  })

  it('a group that has only just come has everything still to handle', async () => {
    const log = open()
    const { promise: gate, resolve: release } = Promise.withResolvers<void>()
    await log.publish(range(5).map((n) => changed(String(n))))
    const consumer = log.subscribe({ group: 'g', topics: ['user.changed'], handle: () => gate })
    expect(await consumer.lag()).toBe(5)
    release()
  })

  it('takes the places of members that died with their engine at once', async () => {
    const lease = { leaseMs: 600_000 }
    const { promise: gate, resolve: release } = Promise.withResolvers<void>()
    const dead = open(lease)
    dead.subscribe({ group: 'g', topics: ['user.changed'], handle: () => gate })
    await dead.publish([changed('a')])
    await expect
      .poll(() => pool.query('SELECT 1 FROM log_offsets WHERE owner IS NOT NULL'))
      .toMatchObject({ rowCount: 16 })

    const next = open(lease)
    await next.buryMembers()
    const handled: string[] = []
    next.subscribe({ group: 'g', topics: ['user.changed'], handle: async ({ key }) => void handled.push(key) })
    await expect.poll(() => handled, { timeout: 10_000 }).toEqual(['a'])
    release()
  })

  it('goes back to an instant when what was written elsewhere since is lost', async () => {
    const handled: string[] = []
    const subscribe = (log: PostgresLog) =>
      log.subscribe({ group: 'g', topics: ['user.changed'], handle: async ({ key }) => void handled.push(key) })
    const first = open()
    await first.publish([changed('before')])
    const consumer = subscribe(first)
    await expect.poll(() => handled).toEqual(['before'])
    const { rows } = await pool.query<{ ms: string }>('SELECT extract(epoch FROM clock_timestamp()) * 1000 AS ms')
    await first.publish([changed('a'), changed('b')])
    await expect.poll(() => handled).toHaveLength(3)
    await consumer.stop()
    await first.close()

    const next = open()
    await next.rewind(Number(rows[0]?.ms))
    subscribe(next)
    await expect.poll(() => handled.slice(3).sort()).toEqual(['a', 'b'])
  })

  it('measures what it does', async () => {
    const log = open()
    const consumer = log.subscribe({ group: 'a', topics: ['user.changed'], handle: async () => {} })
    await log.publish([changed('1'), changed('2')])
    await expect.poll(() => consumer.lag()).toBe(0)
    const { body } = await metrics.expose()
    expect(body).toContain('tideline_log_published_total{topic="user.changed"} 2')
    expect(body).toContain('tideline_log_handled_total{group="a",topic="user.changed",outcome="done"} 2')
  })
})
