/** A start without everything: what is there is served, and what is not is said. */

import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterAll, afterEach, expect, it, vi } from 'vitest'
import { createBreakers } from './breakers.ts'
import { readConfig } from './config.ts'
import { openDatabases } from './databases.ts'
import { startEmbeddedPostgres } from './embedded/postgres/index.ts'
import { startEmbeddedRedis } from './embedded/redis/index.ts'
import { startOrigin } from './main.ts'
import { createLogger } from './observe/logger.ts'
import { createMetrics } from './observe/metrics.ts'
import { createWaits } from './waits.ts'

const logger = createLogger({ level: 'silent' })
const folder = mkdtempSync(join(tmpdir(), 'tideline-waiting-'))
const HOST = '127.0.0.1'
afterEach(() => void vi.useRealTimers())
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST)
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

const healthAt = (port: number) => async () => {
  const answer = await fetch(`http://${HOST}:${port}/health`).catch(() => null)
  return answer === null ? null : { code: answer.status, ...((await answer.json()) as object) }
}

const env = (more: Record<string, string>) =>
  readConfig({
    STATE_DIR: join(folder, 'state'),
    ...{
      LOG_LEVEL: 'silent',
      ROLES: 'ingest',
      PORT: '0',
      GATEWAY_PORT: '0',
      POSTGRES_PORT: '0',
      REDIS_PORT: '0',
      S3_PORT: '0',
    },
    ...more,
  })

it('what is waited for is told after a while, and oftener at first than later', () => {
  vi.useFakeTimers()
  const told: string[] = []
  const end = createWaits(logger, (what) => void told.push(what)).begin('postgres')
  const after = (ms: number) => {
    vi.advanceTimersByTime(ms)
    return told.length
  }
  expect([after(2_000), after(2_000), after(3_000), after(3_000), after(600_000)]).toEqual([0, 1, 1, 2, 13])
  end()
  expect(after(600_000)).toBe(13)
})

it('the reason is told with what is waited for, once it is known', () => {
  vi.useFakeTimers()
  const told: (string | null)[][] = []
  const waits = createWaits(logger, (...said) => void told.push(said))
  const end = waits.begin('postgres')
  vi.advanceTimersByTime(3_000)
  waits.because('postgres', 'getaddrinfo ENOTFOUND nowhere')
  waits.because('redis', 'of this nobody waits')
  vi.advanceTimersByTime(6_000)
  end()
  expect(told).toEqual([
    ['postgres', null],
    ['postgres', 'getaddrinfo ENOTFOUND nowhere'],
  ])
})

it('the start waits for the first database, and /health says so until it is there', async () => {
  const [port, databasePort] = [await freePort(), await freePort()]
  const told: (string | null)[][] = []
  const starting = startOrigin({
    onWaiting: (...said) => void told.push(said),
    config: env({
      PORT: String(port),
      REDIS_URL: 'embedded',
      DATABASE_URLS: `postgres://postgres:postgres@${HOST}:${databasePort}/postgres`,
    }),
    logger,
  })
  const health = healthAt(port)
  await expect.poll(health, { timeout: 30_000 }).toEqual({ code: 503, status: 'starting', waitingFor: ['postgres'] })
  await expect
    .poll(() => told, { timeout: 30_000 })
    .toEqual([['postgres', `connect ECONNREFUSED ${HOST}:${databasePort}`]])
  const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'late'), host: HOST, port: databasePort })
  const origin = await starting
  expect(await health()).toMatchObject({ code: 200, status: 'ok', dependencies: { postgres: 'up' } })
  await origin.close()
  await postgres.close()
}, 90_000)

it('the start waits for Redis, and /health says so until it is there', async () => {
  const [port, redisPort] = [await freePort(), await freePort()]
  const starting = startOrigin({
    config: env({ PORT: String(port), REDIS_URL: `redis://${HOST}:${redisPort}` }),
    logger,
  })
  const health = healthAt(port)
  await expect.poll(health, { timeout: 30_000 }).toEqual({ code: 503, status: 'starting', waitingFor: ['redis'] })
  expect((await fetch(`http://${HOST}:${port}/internal/ingest`, { method: 'POST' })).status).toBe(503)
  const redis = await startEmbeddedRedis({ host: HOST, port: redisPort, snapshotFile: join(folder, 'redis.snapshot') })
  const origin = await starting
  expect(await health()).toMatchObject({ code: 200, status: 'ok', dependencies: { redis: 'up' } })
  await origin.close()
  await redis.close()
}, 60_000)

it('a first start waits for every database, and says which one it waits for', async () => {
  const [port, secondPort, first] = [await freePort(), await freePort(), await startEmbeddedPostgres()]
  const told: (string | null)[][] = []
  const starting = startOrigin({
    onWaiting: (...said) => void told.push(said),
    config: env({
      PORT: String(port),
      REDIS_URL: 'embedded',
      DATABASE_URLS: `${first.url}#0-4095,postgres://postgres:postgres@${HOST}:${secondPort}/postgres#4096-8191`,
    }),
    logger,
  })
  const health = healthAt(port)
  await expect.poll(health, { timeout: 30_000 }).toEqual({ code: 503, status: 'starting', waitingFor: ['postgres'] })
  await expect
    .poll(() => told, { timeout: 30_000 })
    .toContainEqual(['postgres', `db2: connect ECONNREFUSED ${HOST}:${secondPort}`])
  const second = await startEmbeddedPostgres({ dataDir: join(folder, 'late-second'), host: HOST, port: secondPort })
  const origin = await starting
  expect(await health()).toMatchObject({ code: 200, status: 'ok', dependencies: { postgres: 'up' } })
  expect(origin.engines.described.postgres).toContain('shards 0-4095 | 4096-8191')
  await origin.close()
  await second.close()
  await first.close()
}, 90_000)

it('databases that were settled before are opened without one that is away, which is settled when it is back', async () => {
  const port = await freePort()
  const second = () => startEmbeddedPostgres({ dataDir: join(folder, 'second'), host: HOST, port })
  const [first, before] = [await startEmbeddedPostgres(), await second()]
  const config = env({ DATABASE_URLS: `${first.url}#0-4095,${before.url}#4096-8191` })
  const waits = createWaits(logger)
  await (await openDatabases({ config, logger, waits, breakers: createBreakers(createMetrics(), Date.now) })).close()
  await before.close()

  const opened = await openDatabases({ config, logger, waits, breakers: createBreakers(createMetrics(), Date.now) })
  expect(waits.now()).toEqual(['db2'])
  expect(await opened.directory.query(sql`SELECT 1 AS one`)).toEqual([{ one: 1 }])
  const back = await second()
  await expect.poll(() => waits.now(), { timeout: 20_000 }).toEqual([])
  await opened.close()
  await back.close()
  await first.close()
}, 90_000)

it('one that goes away while the databases are settled is left for later, too', async () => {
  const [first, second] = [await startEmbeddedPostgres(), await startEmbeddedPostgres()]
  const through = await connectionsTo(Number(new URL(second.url).port))
  const viaLine = new URL(second.url)
  viaLine.port = String(through.port)
  const config = env({ DATABASE_URLS: `${first.url}#0-4095,${viaLine.href}#4096-8191` })
  const waits = createWaits(logger)
  const open = () => openDatabases({ config, logger, waits, breakers: createBreakers(createMetrics(), Date.now) })
  await (await open()).close()
  // It is brought to the schema, and gone.
  through.left = 1
  const opened = await open()
  expect([through.left, waits.now()]).toEqual([0, ['db2']])
  through.left = Number.POSITIVE_INFINITY
  await expect.poll(() => waits.now(), { timeout: 20_000 }).toEqual([])
  await opened.close()
  await through.close()
  await second.close()
  await first.close()
}, 90_000)

/** A way to a port of this machine that takes so many connections more. */
async function connectionsTo(port: number) {
  const server = createServer((client) => {
    client.on('error', () => {})
    if (through.left === 0) return void client.destroy()
    through.left--
    const upstream = connect(port, HOST).on('error', () => client.destroy())
    client.pipe(upstream).pipe(client)
  }).listen(0, HOST)
  await new Promise((resolve) => server.once('listening', resolve))
  const through = {
    left: Number.POSITIVE_INFINITY,
    port: (server.address() as { port: number }).port,
    close: () => new Promise((resolve) => server.close(resolve)),
  }
  return through
}
