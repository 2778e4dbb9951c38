/** A transaction has the engine to itself: how long it may stall. */
import { once } from 'node:events'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './index.ts'

/** The engine's thread has the clock, so these tests take their time; what must be quicker than the limit is far quicker. */
const IDLE_MS = 1_500
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
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => {})))
})

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
  await client.query('BEGIN')
  for (const beganAt = Date.now(); Date.now() - beganAt < IDLE_MS * 1.5; ) await client.query('SELECT pg_sleep(0.05)')
  await expect(client.query('COMMIT')).resolves.toMatchObject({ command: 'COMMIT' })
})

it('is not cut off for an earlier transaction of its connection, during which others waited', async () => {
  const [client, other] = [await connect(), await connect()]
  // A watch that one of them left behind would bite in the silence below: they go on for longer than the limit.
  for (let n = 0; n < 6; n++) {
    await client.query('BEGIN')
    const waiting = other.query('SELECT 1')
    await client.query('SELECT pg_sleep($1)', [(IDLE_MS * 0.25) / 1000])
    await client.query('COMMIT')
    await waiting
  }
  await client.query('BEGIN')
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS * 0.3))
  await expect(client.query('COMMIT')).resolves.toMatchObject({ command: 'COMMIT' })
})
