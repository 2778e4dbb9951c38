import { once } from 'node:events'
import { connect as connectSocket, type Socket } from 'node:net'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from './index.ts'

let server: EmbeddedPostgres
const clients: pg.Client[] = []

async function connect(config: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: server.url, ...config })
  // A client that is cut off on purpose reports it here too.
  client.on('error', () => {})
  await client.connect()
  clients.push(client)
  return client
}

/** The TCP socket below a client. */
function socketOf(client: pg.Client): Socket {
  const { connection } = client as unknown as { connection: { stream: Socket } }
  return connection.stream
}

async function column(client: pg.Client, sql: string): Promise<unknown[]> {
  const { rows } = await client.query({ text: sql, rowMode: 'array' })
  return rows.map(([value]) => value)
}

beforeAll(async () => {
  server = await startEmbeddedPostgres({ maxConnections: 20 })
}, 30_000)
afterAll(() => server.close())
beforeEach(async () => {
  const client = await connect()
  await client.query('DROP TABLE IF EXISTS notes; CREATE TABLE notes (id int PRIMARY KEY, body text)')
})
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end().catch(() => {})))
})

describe('many clients on one engine', () => {
  it('keeps interleaved transactions apart', async () => {
    const all = await Promise.all(Array.from({ length: 10 }, () => connect()))
    await Promise.all(
      all.map(async (client, index) => {
        for (let round = 0; round < 5; round++) {
          await client.query('BEGIN')
          const before = await column(client, 'SELECT count(*)::int FROM notes')
          await client.query('INSERT INTO notes VALUES ($1, $2)', [index * 10 + round, 'x'])
          const after = await column(client, 'SELECT count(*)::int FROM notes')
          // Nobody else's row appears between two statements of one transaction.
          expect(after[0]).toBe(Number(before[0]) + 1)
          await client.query(round % 2 === 0 ? 'COMMIT' : 'ROLLBACK')
        }
      }),
    )
    expect(await column(all[0]!, 'SELECT count(*)::int FROM notes')).toEqual([30])
  })

  it('lets every client prepare its own statement under the same name', async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => connect()))
    for (let n = 0; n < 3; n++) {
      const results = await Promise.all(
        all.map((client, index) =>
          client.query({ name: 'same', text: `SELECT $1::int + ${index * 100} AS n`, values: [n] }),
        ),
      )
      expect(results.map(({ rows }) => rows[0].n)).toEqual(all.map((_, index) => n + index * 100))
    }
  })

  it('gives the others their prepared statements back after DISCARD ALL', async () => {
    const [one, two] = [await connect(), await connect()]
    const query = { name: 'kept', text: 'SELECT $1::int AS n', values: [7] }
    await one.query(query)
    await two.query('DISCARD ALL')
    expect((await one.query(query)).rows).toEqual([{ n: 7 }])
  })

  it('does not mix up parameters when flights of many clients arrive at once', async () => {
    const pool = new pg.Pool({ connectionString: server.url, max: 8 })
    const wanted = Array.from({ length: 200 }, (_, n) => n)
    const results = await Promise.all(wanted.map((n) => pool.query('SELECT $1::int AS n', [n])))
    expect(results.map(({ rows }) => rows[0].n)).toEqual(wanted)
    await pool.end()
  })

  it('leaves a failed transaction to its owner and serves the others after ROLLBACK', async () => {
    const [failing, waiting] = [await connect(), await connect()]
    await failing.query('BEGIN')
    await failing.query('INSERT INTO notes VALUES (1)')
    await expect(failing.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' })
    const queued = column(waiting, 'SELECT count(*)::int FROM notes')
    await expect(failing.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' })
    await failing.query('ROLLBACK')
    expect(await queued).toEqual([0])
  })

  it('keeps settings, startup parameters included, to the connection that set them', async () => {
    const [one, two] = [await connect(), await connect({ options: '-c TimeZone=Asia/Tokyo' })]
    await one.query("SET TimeZone = 'Europe/Paris'")
    await one.query("SELECT set_config('DateStyle', 'SQL, DMY', false)")
    const three = await connect()
    expect(await column(three, 'SHOW TimeZone')).toEqual(['UTC'])
    expect(await column(two, 'SHOW TimeZone')).toEqual(['Asia/Tokyo'])
    expect(await column(one, 'SHOW TimeZone')).toEqual(['Europe/Paris'])
    expect(await column(one, 'SHOW DateStyle')).toEqual(['SQL, DMY'])
    expect(await column(three, 'SHOW DateStyle')).toEqual(['ISO, MDY'])
  })

  it('delivers NOTIFY to those who listen and to nobody else', async () => {
    const [listener, quoted, deaf, sender] = await Promise.all([connect(), connect(), connect(), connect()])
    const heard: string[] = []
    for (const [name, client] of Object.entries({ listener, quoted, deaf, sender })) {
      client.on('notification', ({ channel, payload }) => heard.push(`${name} ${channel} ${payload}`))
    }
    await listener.query('LISTEN Posts')
    await quoted.query('LISTEN "Posts"; LISTEN posts')
    await sender.query("SELECT pg_notify('posts', $1)", ['hello'])
    await sender.query('NOTIFY "Posts"')
    await vi.waitFor(() =>
      expect(heard.sort()).toEqual(['listener posts hello', 'quoted Posts ', 'quoted posts hello']),
    )
    await quoted.query('UNLISTEN *')
    await sender.query("NOTIFY posts, 'again'")
    await vi.waitFor(() => expect(heard).toContain('listener posts again'))
    expect(heard).toHaveLength(4)
  })

  it('refuses clients above the limit with the code of Postgres', async () => {
    const all = await Promise.allSettled(Array.from({ length: 25 }, () => connect()))
    const refused = all.filter((result) => result.status === 'rejected')
    expect(refused.length).toBeGreaterThanOrEqual(5)
    expect(refused[0]?.reason).toMatchObject({ code: '53300' })
  })
})

describe('clients that misbehave', () => {
  it('rolls back the transaction of a client that dies', async () => {
    const [dying, other] = [await connect(), await connect()]
    await dying.query('BEGIN')
    await dying.query('INSERT INTO notes VALUES (1)')
    const queued = column(other, 'SELECT count(*)::int FROM notes')
    socketOf(dying).destroy()
    expect(await queued).toEqual([0])
  })

  it('refuses COPY FROM STDIN and session-level advisory locks, and goes on', async () => {
    const client = await connect()
    await expect(client.query('COPY notes FROM STDIN')).rejects.toMatchObject({ code: '57014' })
    await expect(client.query('SELECT pg_advisory_lock(1)')).rejects.toThrow('pg_advisory_xact_lock')
    await expect(
      client.query({ text: 'SELECT pg_try_advisory_lock(1)', values: [], queryMode: 'extended' } as pg.QueryConfig),
    ).rejects.toThrow('pg_advisory_xact_lock')
    await client.query('BEGIN; SELECT pg_advisory_xact_lock(1); COMMIT')
    expect(await column(client, 'SELECT 1')).toEqual([1])
  })

  it('answers what exhausts its stack or its memory with an error, and goes on', async () => {
    const client = await connect()
    await client.query(
      'CREATE OR REPLACE FUNCTION endless(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN endless(i + 1); END $$',
    )
    await expect(client.query('SELECT endless(1)')).rejects.toMatchObject({ code: '54001' })
    await expect(client.query("SELECT repeat('[', 200000)::json")).rejects.toMatchObject({ code: '22P02' })
    expect(await column(client, 'SELECT 1')).toEqual([1])
  })

  it('cuts off a client that does not speak the protocol', async () => {
    const socket = connectSocket(server.port, '127.0.0.1')
    socket.end('GET / HTTP/1.1\r\n\r\n')
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toContain('08P01')
    expect(await column(await connect(), 'SELECT 1')).toEqual([1])
  })

  it('cancels a statement that waits for its turn', async () => {
    const [holder, waiting] = [await connect(), await connect()]
    await holder.query('BEGIN')
    const queued = waiting.query('SELECT 1')
    queued.catch(() => {})
    const { processID, secretKey } = waiting as unknown as { processID: number; secretKey: number }
    const request = Buffer.alloc(16)
    for (const [at, value] of [16, 80877102, processID, secretKey].entries()) request.writeInt32BE(value, at * 4)
    const socket = connectSocket(server.port, '127.0.0.1')
    socket.end(request)
    await expect(queued).rejects.toMatchObject({ code: '57014' })
    await holder.query('COMMIT').catch(() => {})
    expect(await column(waiting, 'SELECT 2')).toEqual([2])
  })

  it('refuses other roles and databases', async () => {
    await expect(connect({ connectionString: server.url.replace('//postgres', '//mallory') })).rejects.toMatchObject({
      code: '28000',
    })
    await expect(connect({ connectionString: server.url.replace(/postgres$/, 'other') })).rejects.toMatchObject({
      code: '3D000',
    })
  })
})

it('offers what search needs', async () => {
  const client = await connect()
  for (const name of ['vector', 'pg_trgm', 'unaccent', 'fuzzystrmatch', 'btree_gin', 'citext']) {
    await client.query(`CREATE EXTENSION IF NOT EXISTS ${name}`)
  }
  expect(await column(client, "SELECT '[1,2]'::vector <-> '[1,3]'::vector")).toEqual([1])
  expect(await column(client, "SELECT similarity(unaccent('Hôtel'), 'hotel')")).toEqual([1])
})

it('asks for the password when one is set', async () => {
  const guarded = await startEmbeddedPostgres({ password: 's3cret/' })
  const client = new pg.Client({ connectionString: guarded.url })
  await client.connect()
  await client.end()
  const wrong = new pg.Client({ connectionString: guarded.url.replace('s3cret', 'wrong') })
  await expect(wrong.connect()).rejects.toMatchObject({ code: '28P01' })
  await guarded.close()
}, 30_000)
