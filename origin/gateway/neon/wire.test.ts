import { once } from 'node:events'
import { type AddressInfo, connect as connectSocket, createServer as createTcpServer, type Socket } from 'node:net'
import { Pool } from '@neondatabase/serverless'
import { describe, expect, it } from 'vitest'
import { freePort } from '../../embedded/free-port.ts'
import { DSN, embeddedTarget, gatewaySuite, pointAt, post, serve } from './testing.ts'

const suite = gatewaySuite(embeddedTarget)
const { sql, strict } = suite

describe('the wire', () => {
  it('answers as Neon does, byte for byte where it matters', async () => {
    const response = await post(suite.served, { query: 'SELECT 1::int AS a, NULL AS b', params: [] })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(await response.json()).toEqual({
      rowAsArray: true,
      fields: [
        {
          name: 'a',
          dataTypeID: 23,
          tableID: 0,
          columnID: 0,
          dataTypeSize: 4,
          dataTypeModifier: -1,
          format: 'text',
        },
        {
          name: 'b',
          dataTypeID: 25,
          tableID: 0,
          columnID: 0,
          dataTypeSize: -1,
          dataTypeModifier: -1,
          format: 'text',
        },
      ],
      rows: [['1', null]],
      command: 'SELECT',
      rowCount: 1,
    })
  })

  it('takes parameters of every JSON kind', async () => {
    const casts = '$1::text, $2::int8, $3::bool, $4::float8, $5::text[], $6::jsonb, $7::text'
    const body = `{"query":"SELECT ${casts}","params":["a\\u00e9",9007199254740993,true,1.5,["x,\\"y\\\\",null,["z"]],{"k":[1]},null]}`
    const nested = body.replace(',null,["z"]]', ',null]')
    const { rows } = (await (await post(suite.served, nested)).json()) as { rows: unknown[][] }
    expect(rows).toEqual([['aé', '9007199254740993', 't', '1.5', '{"x,\\"y\\\\",NULL}', '{"k": [1]}', null]])
  })

  it('gives objects and JSON values when neither arrays nor raw text are asked for', async () => {
    const query = "SELECT 1 AS n, true AS yes, '{\"a\":1}'::jsonb AS json, 'NaN'::float8 AS nan, 5::int8 AS big"
    const response = await post(
      suite.served,
      { query },
      { 'neon-array-mode': 'false', 'neon-raw-text-output': 'false' },
    )
    expect(await response.json()).toMatchObject({
      rowAsArray: false,
      rows: [{ n: 1, yes: true, json: { a: 1 }, nan: 'NaN', big: '5' }],
    })
  })

  it.each([
    ['no JSON', '{', {}],
    ['no query', {}, {}],
    ['params that are no list', { query: 'SELECT 1', params: 1 }, {}],
    ['a zero byte', { query: 'SELECT 1\0' }, {}],
    ['an unknown isolation level', { queries: [] }, { 'neon-batch-isolation-level': 'Chaos; DROP TABLE notes' }],
    ['a flag that is none', { queries: [] }, { 'neon-batch-read-only': 'yes' }],
    ['no connection string', { query: 'SELECT 1' }, { 'neon-connection-string': '' }],
  ])('refuses %s', async (_, body, headers) => {
    const response = await post(suite.served, body, headers)
    expect(response.status).toBe(400)
    expect(await response.json()).toHaveProperty('message', expect.any(String))
  })

  it('answers an empty batch, preflights and other methods', async () => {
    expect(await (await post(suite.served, { queries: [] })).json()).toEqual({ results: [] })
    const preflight = await fetch(`http://${suite.served.origin}/sql`, { method: 'OPTIONS' })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-headers')).toContain('neon-connection-string')
    expect((await fetch(`http://${suite.served.origin}/sql`)).status).toBe(405)
    expect((await fetch(`http://${suite.served.origin}/v2`)).status).toBe(426)
    expect((await fetch(`http://${suite.served.origin}/elsewhere`)).status).toBe(404)
  })

  it('caps bodies and results, and says when a batch took effect all the same', async () => {
    const tight = await strict({ bodyBytes: 1_000, resultBytes: 10_000 })
    expect((await post(tight, { query: `SELECT '${'x'.repeat(1_000)}'` })).status).toBe(413)
    expect((await post(tight, { query: "SELECT repeat('x', 100) FROM generate_series(1, 200)" })).status).toBe(507)
    const batch = await post(tight, {
      queries: [{ query: 'INSERT INTO notes VALUES (1)' }, { query: "SELECT repeat('x', 20000)" }],
    })
    expect(batch.status).toBe(507)
    expect(await batch.json()).toMatchObject({ message: expect.stringContaining('has been committed') })
    expect(await sql`SELECT id FROM notes`).toEqual([{ id: 1 }])
  })

  it('answers 503 with Retry-After when too many wait', async () => {
    const tight = await strict({ poolConnections: 1, queuedRequests: 1 })
    const slow = { query: 'SELECT pg_sleep(0.3)' }
    const responses = await Promise.all(Array.from({ length: 5 }, () => post(tight, slow)))
    const statuses = responses.map(({ status }) => status).sort()
    expect(statuses.filter((status) => status === 503).length).toBeGreaterThan(0)
    expect(statuses[0]).toBe(200)
    expect(responses.find(({ status }) => status === 503)!.headers.get('retry-after')).toBe('1')
  })

  it('is healthy with a full queue: whoever takes it out of service then makes the other queues fuller', async () => {
    const tight = await strict({ poolConnections: 1, queuedRequests: 1, connectTimeoutMs: 30_000 })
    // The embedded engine is one connection: health waits behind it.
    const slow = { query: 'SELECT pg_sleep(0.2)' }
    const asked = [1, 2, 3].map(() => post(tight, slow, { priority: 'u=1' }))
    const refused = await Promise.race(asked)
    expect(refused.status).toBe(503)
    expect((await fetch(`http://${tight.origin}/sql/health`)).status).toBe(200)
    expect((await Promise.all(asked)).map(({ status }) => status).sort()).toEqual([200, 200, 503])
  })

  it('gives the place of a client that has left the queue to another', async () => {
    const tight = await strict({ poolConnections: 1, queuedRequests: 1 })
    const queued = async () =>
      Number(/^neon_gateway_queued_requests (\d+)/m.exec(await tight.registry.metrics())?.[1] ?? -1)
    let isOver = false
    const first = post(tight, { query: 'SELECT pg_sleep(2)' }).finally(() => {
      isOver = true
    })
    await expect.poll(async () => /^neon_gateway_connections 1/m.test(await tight.registry.metrics())).toBe(true)
    const leaving = new AbortController()
    const left = fetch(`http://${tight.origin}/sql`, {
      method: 'POST',
      body: JSON.stringify({ query: 'SELECT 1' }),
      headers: { 'neon-connection-string': DSN },
      signal: leaving.signal,
    }).catch(() => 'left')
    await expect.poll(queued).toBe(1)
    leaving.abort()
    expect(await left).toBe('left')
    await expect.poll(queued).toBe(0)
    expect(isOver).toBe(false)
    expect((await first).status).toBe(200)
  })

  it('takes the most urgent of those that wait first', async () => {
    const PATIENT = { timeout: 20_000 }
    const tight = await strict({ poolConnections: 1, queuedRequests: 10 })
    const waiting = async () =>
      Number(/^neon_gateway_queued_requests (\d+)/m.exec(await tight.registry.metrics())?.[1] ?? -1)
    const order: string[] = []
    const ask = async (name: string, priority: string, query: string) => {
      const response = await post(tight, { query }, { priority })
      order.push(`${name} ${response.status}`)
    }
    const asked = [ask('before', 'u=3', 'SELECT pg_sleep(2)')]
    const isBusy = async () => /^neon_gateway_connections 1/m.test(await tight.registry.metrics())
    await expect.poll(isBusy, PATIENT).toBe(true)
    for (const [name, priority] of [
      ['purge', 'u=7'],
      ['write', 'u=5'],
      ['feed', 'u=1'],
    ] as const) {
      asked.push(ask(name, priority, 'SELECT 1'))
      await expect.poll(waiting, PATIENT).toBe(asked.length - 1)
    }
    await Promise.all(asked)
    expect(order).toEqual(['before 200', 'feed 200', 'write 200', 'purge 200'])
  })

  it('refuses COPY FROM STDIN and goes on', async () => {
    await expect(sql`COPY notes FROM STDIN`).rejects.toThrow()
    expect(await sql`SELECT 1 AS n`).toEqual([{ n: 1 }])
  })

  it('reports health and counts what it answered', async () => {
    expect(await (await fetch(`http://${suite.served.origin}/sql/health`)).json()).toMatchObject({ status: 'ok' })
    expect(await suite.served.registry.metrics()).toContain(
      'neon_gateway_request_duration_seconds_count{route="query",status="200"}',
    )
  })
})

describe('without a database', () => {
  it('answers 503 with Retry-After, and refuses WebSockets after the password', async () => {
    const served = await serve(`postgres://postgres@127.0.0.1:${await freePort()}/postgres`)
    pointAt(served)
    const response = await post(served, { query: 'SELECT 1' })
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1'])
    expect((await fetch(`http://${served.origin}/sql/health`)).status).toBe(503)
    const pool = new Pool({ connectionString: DSN })
    pool.on('error', () => {})
    await expect(pool.query('SELECT 1')).rejects.toMatchObject({ code: '08006' })
    await pool.end()
    await served.stop()
  })

  it('says so of one that takes connections and answers nothing, before whoever probes gives up', async () => {
    const sockets = new Set<Socket>()
    const silent = createTcpServer((socket) => {
      sockets.add(socket.on('error', () => {}))
    })
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const url = `postgres://postgres@127.0.0.1:${(silent.address() as AddressInfo).port}/postgres`
    const served = await serve(url, { connectTimeoutMs: 60_000 })
    const response = await fetch(`http://${served.origin}/sql/health`)
    expect([response.status, await response.json()]).toMatchObject([503, { status: 'unavailable' }])
    for (const socket of sockets) socket.destroy()
    await served.stop()
    silent.close()
  })

  it('answers 502 with an unknown outcome when the connection ends without a word', async () => {
    // A Postgres that signs in everybody and drops the line at the first statement.
    const fake = createTcpServer((socket) => {
      socket.once('data', () => {
        socket.write(Buffer.from('52000000080000000052000000000000', 'hex').subarray(0, 9))
        socket.write(Buffer.from('5a0000000549', 'hex'))
        socket.once('data', () => socket.destroy())
      })
    }).listen(0, '127.0.0.1')
    await once(fake, 'listening')
    const served = await serve(`postgres://postgres@127.0.0.1:${(fake.address() as AddressInfo).port}/postgres`)
    const response = await post(served, { queries: [{ query: 'SELECT 1' }] })
    expect(response.status).toBe(502)
    expect(await response.json()).toMatchObject({ code: '08007' })
    await served.stop()
    fake.close()
  })

  it('drops a WebSocket that does not speak the protocol', async () => {
    const served = await serve('postgres://nobody@127.0.0.1:1/none')
    const socket = new WebSocket(`ws://${served.origin}/v2`)
    await once(socket, 'open')
    socket.send('GET / HTTP/1.1\r\n\r\n')
    await once(socket, 'close')
    const raw = connectSocket(Number(served.origin.split(':')[1]), '127.0.0.1')
    raw.end('GET /v2 HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
    expect(String((await once(raw, 'data'))[0])).toContain('400')
    await served.stop()
  })
})
