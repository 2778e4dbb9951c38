/** A transaction has the engine to itself: how long it may stall. */
import { once } from 'node:events'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './index.ts'

const IDLE_MS = 1_000
let server: EmbeddedPostgres
const clients: pg.Client[] = []

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url })
  // A client that is cut off on purpose reports it here too.
  client.on('error', () => {})
  await client.connect()
  clients.push(client)
  return client
}

beforeAll(async () => {
  server = await startEmbeddedPostgres({ transactionIdleMs: IDLE_MS })
}, 30_000)
afterAll(() => server.close())
afterEach(async () => {
  vi.useRealTimers()
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => {})))
})

/** From here on the limit passes when the test says so, however busy the machine is. */
const holdTime = () => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })

it('is rolled back and cut off when its client stalls', async () => {
  const [stalled, other] = [await connect(), await connect()]
  await other.query('CREATE TABLE rows_of_stalled (id int)')
  const reported = once(stalled, 'error')
  await stalled.query('BEGIN; INSERT INTO rows_of_stalled VALUES (1)')
  expect((await other.query('SELECT id FROM rows_of_stalled')).rows).toEqual([])
  expect((await reported)[0]).toMatchObject({ code: '25P03' })
})

it('may live longer than the limit while it works', async () => {
  const client = await connect()
  holdTime()
  await client.query('BEGIN')
  for (let n = 0; n < 3; n++) {
    vi.advanceTimersByTime(IDLE_MS * 0.9)
    await client.query('SELECT 1')
  }
  await expect(client.query('COMMIT')).resolves.toMatchObject({ command: 'COMMIT' })
})

it('is not cut off for an earlier transaction of its connection, during which others waited', async () => {
  const [client, other] = [await connect(), await connect()]
  holdTime()
  for (let n = 0; n < 6; n++) {
    await client.query('BEGIN')
    const waiting = other.query('SELECT 1')
    // While this is answered the other's request arrives.
    await client.query('SELECT 1')
    vi.advanceTimersByTime(IDLE_MS * 0.3)
    await client.query('COMMIT')
    await waiting
  }
  await client.query('BEGIN')
  vi.advanceTimersByTime(IDLE_MS * 0.9)
  await expect(client.query('COMMIT')).resolves.toMatchObject({ command: 'COMMIT' })
})
