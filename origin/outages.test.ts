import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import pg from 'pg'
import { expect, it } from 'vitest'
import { startEmbeddedPostgres } from './embedded/postgres/index.ts'
import { s3Objects } from './objects/index.ts'
import { isAway, isDataFault } from './outages.ts'

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: unknown) => error,
  )

it('knows a Postgres that takes connections and says nothing as an outage', async () => {
  const silent = createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1')
  await new Promise((resolve) => silent.once('listening', resolve))
  const { port } = silent.address() as { port: number }
  const pool = new pg.Pool({ host: '127.0.0.1', port, connectionTimeoutMillis: 50 })
  expect(isAway(await failureOf(pool.query('select 1')))).toBe(true)
  await pool.end()
  silent.close()
})

it.each(['ENOTFOUND', 'EAI_AGAIN'])('knows a name that cannot be looked up (%s) as an outage', (code) => {
  const lookup = Object.assign(new Error(`getaddrinfo ${code} postgres`), { code })
  expect(isAway(new Error('Failed query', { cause: lookup }))).toBe(true)
})

it('knows a statement without an answer, and a pool without a free connection, as outages; a fault of the data is none', async () => {
  const server = await startEmbeddedPostgres()
  // The one connection there is has to be made in that time, on a busy machine too.
  const pool = new pg.Pool({ connectionString: server.url, max: 1, connectionTimeoutMillis: 1_500 })
  const holder = await pool.connect()
  expect(isAway(await failureOf(pool.query('select 1')))).toBe(true)
  const late = await failureOf(holder.query({ text: 'select pg_sleep(0.5)', query_timeout: 50 } as pg.QueryConfig))
  expect(isAway(late)).toBe(true)
  holder.release(true)
  const other = new pg.Client({ connectionString: server.url })
  await other.connect()
  const fault = await failureOf(other.query("select '\\u0000'::jsonb"))
  expect([isAway(fault), isDataFault(fault)]).toEqual([false, true])
  await other.end()
  await pool.end()
  await server.close()
}, 30_000)

it('knows an object store that asks for patience, fails or is silent as an outage; one that refuses what was asked is none', async () => {
  let status = 503
  const store = createHttpServer((_, response) => response.writeHead(status).end()).listen(0, '127.0.0.1')
  await new Promise((resolve) => store.once('listening', resolve))
  const { port } = store.address() as { port: number }
  const objects = s3Objects({
    endpoint: `http://127.0.0.1:${port}`,
    bucket: 'pictures',
    region: 'auto',
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  })
  const failure = () => failureOf(objects.delete(['a.jpg']))
  for (const [answered, away] of [
    [503, true],
    [500, true],
    [403, false],
  ] as const) {
    status = answered
    expect([answered, isAway(await failure())]).toEqual([answered, away])
  }
  await new Promise((resolve) => store.close(resolve))
  expect(isAway(await failure())).toBe(true)
})
