import { once } from 'node:events'
import { type NeonDbError, neon, neonConfig, Pool } from '@neondatabase/serverless'
import { eq } from 'drizzle-orm'
import { drizzle as drizzleHttp } from 'drizzle-orm/neon-http'
import { drizzle as drizzleSocket } from 'drizzle-orm/neon-serverless'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import { describe, expect, it, vi } from 'vitest'
import { DSN, gatewaySuite, targets } from './testing.ts'

const notes = pgTable('notes', { id: integer().primaryKey(), body: text() })

for (const { name, start } of targets) {
  if (start === undefined) {
    console.warn(`skipped: ${name} (no initdb in the usual folders)`)
    continue
  }
  describe(`in front of ${name}`, () => {
    const suite = gatewaySuite(start)
    const { sql, strict } = suite

    describe('the SDK over HTTP', () => {
      it('reads every kind of value', async () => {
        const [row] =
          await sql`SELECT 1 AS int, ${'x'}::text AS text, NULL AS nothing, true AS yes, 1.5::float8 AS float,
          9007199254740993::int8 AS big, ${[1, 2]}::int[] AS list, ${{ a: [1] }}::jsonb AS json, '\\x00ff'::bytea AS bytes`
        expect(row).toEqual({
          int: 1,
          text: 'x',
          nothing: null,
          yes: true,
          float: 1.5,
          big: '9007199254740993',
          list: [1, 2],
          json: { a: [1] },
          bytes: Buffer.from([0, 255]),
        })
      })

      it('gives full results with all attributes of a field', async () => {
        await sql`INSERT INTO notes VALUES (1, 'one')`
        const result = await sql.query('SELECT id, body::varchar(9) FROM notes', [], {
          fullResults: true,
          arrayMode: true,
        })
        expect(result).toMatchObject({ command: 'SELECT', rowCount: 1, rowAsArray: true, rows: [[1, 'one']] })
        expect(result.fields).toEqual([
          expect.objectContaining({
            name: 'id',
            dataTypeID: 23,
            columnID: 1,
            dataTypeSize: 4,
            dataTypeModifier: -1,
            format: 'text',
          }),
          expect.objectContaining({ name: 'body', dataTypeID: 1043, dataTypeSize: -1, dataTypeModifier: 13 }),
        ])
        expect(result.fields[0]!.tableID).toBeGreaterThan(0)
      })

      it('reports errors field by field', async () => {
        const error: NeonDbError = await sql`SELECT ${1} FROM nowhere`.catch((reason) => reason)
        expect(error).toMatchObject({ name: 'NeonDbError', code: '42P01', severity: 'ERROR', position: '16' })
        expect(error.message).toBe('relation "nowhere" does not exist')
        expect(error.routine).toBeTypeOf('string')
        await sql`INSERT INTO notes VALUES (1)`
        await expect(sql`INSERT INTO notes VALUES (1)`).rejects.toMatchObject({
          code: '23505',
          schema: 'public',
          table: 'notes',
          constraint: 'notes_pkey',
          detail: 'Key (id)=(1) already exists.',
        })
      })

      it('uses the extended protocol, also without parameters', async () => {
        await expect(sql.query('SELECT $1', [])).rejects.toMatchObject({ code: '08P01' })
        await expect(sql.query('SELECT 1; SELECT 2')).rejects.toMatchObject({ code: '42601' })
        expect(await sql.query('')).toEqual([])
      })

      it('runs a batch as one transaction with its options', async () => {
        const settings = sql`SELECT current_setting('transaction_isolation') AS isolation,
          current_setting('transaction_read_only') AS read_only, current_setting('transaction_deferrable') AS deferrable`
        const [rows] = await sql.transaction([settings], {
          isolationLevel: 'Serializable',
          readOnly: true,
          deferrable: true,
        })
        expect(rows).toEqual([{ isolation: 'serializable', read_only: 'on', deferrable: 'on' }])
        await expect(sql.transaction([sql`INSERT INTO notes VALUES (1)`], { readOnly: true })).rejects.toMatchObject({
          code: '25006',
        })
      })

      it('keeps nothing of a batch in which one statement fails', async () => {
        await sql`INSERT INTO notes VALUES (1)`
        await expect(
          sql.transaction([
            sql`INSERT INTO notes VALUES (2)`,
            sql`INSERT INTO notes VALUES (1)`,
            sql`INSERT INTO notes VALUES (3)`,
          ]),
        ).rejects.toMatchObject({ code: '23505' })
        expect(await sql`SELECT id FROM notes`).toEqual([{ id: 1 }])
      })

      it('reports a batch that fails at its COMMIT', async () => {
        await sql`ALTER TABLE notes ADD COLUMN parent int REFERENCES notes DEFERRABLE INITIALLY DEFERRED`
        await expect(sql.transaction([sql`INSERT INTO notes (id, parent) VALUES (1, 7)`])).rejects.toMatchObject({
          code: '23503',
        })
        expect(await sql`SELECT * FROM notes`).toEqual([])
      })

      it('never hands on what a request left behind on its connection', async () => {
        await strict({ poolConnections: 1 })
        await sql`SET TimeZone = 'Asia/Tokyo'`
        await sql`BEGIN`
        expect(await sql`SHOW TimeZone`).not.toEqual([{ TimeZone: 'Asia/Tokyo' }])
        await expect(sql`SAVEPOINT outside`).rejects.toMatchObject({ code: '25P01' })
      })

      it('refuses another password, user or database in the words of Postgres', async () => {
        for (const wrong of [
          DSN.replace('p%40ss', 'guess'),
          DSN.replace('app:', 'root:'),
          DSN.replace('/main', '/postgres'),
        ]) {
          await expect(neon(wrong)`SELECT 1`).rejects.toMatchObject({
            code: '28P01',
            message: expect.stringContaining('password authentication failed'),
          })
        }
      })
    })

    describe('drizzle', () => {
      it('batches over HTTP, and rolls back on conflict', async () => {
        const db = drizzleHttp(sql)
        const [inserted, all] = await db.batch([
          db.insert(notes).values({ id: 1, body: 'one' }).returning(),
          db.select().from(notes),
        ])
        expect([inserted, all]).toEqual([[{ id: 1, body: 'one' }], [{ id: 1, body: 'one' }]])
        const conflicting = db.batch([db.insert(notes).values({ id: 2 }), db.insert(notes).values({ id: 1 })])
        await expect(conflicting).rejects.toMatchObject({ code: '23505', constraint: 'notes_pkey' })
        await expect(db.insert(notes).values({ id: 1 })).rejects.toMatchObject({
          cause: { code: '23505', constraint: 'notes_pkey' },
        })
        expect(await db.$count(notes)).toBe(1)
      })

      it('runs interactive transactions over WebSocket', async () => {
        const pool = new Pool({ connectionString: DSN })
        const db = drizzleSocket(pool)
        await db.transaction(async (tx) => {
          await tx.insert(notes).values({ id: 1, body: 'draft' })
          const [note] = await tx.select().from(notes).where(eq(notes.id, 1))
          await tx
            .update(notes)
            .set({ body: `${note!.body} and more` })
            .where(eq(notes.id, 1))
        })
        await expect(
          db.transaction(async (tx) => {
            await tx.insert(notes).values({ id: 2 })
            throw new Error('changed my mind')
          }),
        ).rejects.toThrow('changed my mind')
        expect(await db.select().from(notes)).toEqual([{ id: 1, body: 'draft and more' }])
        await pool.end()
      })
    })

    describe('WebSocket', () => {
      it.each(['password', false] as const)('signs in with pipelineConnect = %s', async (pipelineConnect) => {
        neonConfig.pipelineConnect = pipelineConnect
        const pool = new Pool({ connectionString: DSN, options: '-c TimeZone=Asia/Tokyo' })
        expect((await pool.query('SELECT $1::int AS n, current_setting($2) AS zone', [7, 'TimeZone'])).rows).toEqual([
          { n: 7, zone: 'Asia/Tokyo' },
        ])
        await expect(pool.query('SELECT nonsense')).rejects.toMatchObject({ code: '42703' })
        await pool.end()
        const wrong = new Pool({ connectionString: DSN.replace('p%40ss', 'guess') })
        wrong.on('error', () => {})
        await expect(wrong.query('SELECT 1')).rejects.toMatchObject({ code: '28P01' })
        await wrong.end()
      })

      it('carries answers and parameters of many megabytes', async () => {
        await strict({ tunnelBufferBytes: 64 * 1024 })
        const pool = new Pool({ connectionString: DSN })
        const big = 'x'.repeat(5_000_000)
        const { rows } = await pool.query("SELECT length($1) AS sent, repeat('y', 12000000) AS got", [big])
        expect(rows[0]).toMatchObject({ sent: 5_000_000 })
        expect(rows[0].got).toHaveLength(12_000_000)
        await pool.end()
      })

      it('closes the connection behind a client that goes away, and rolls it back', async () => {
        const socket = new WebSocket(`ws://${suite.served.origin}/v2`)
        socket.close()
        const pool = new Pool({ connectionString: DSN })
        const client = await pool.connect()
        await client.query('BEGIN')
        await client.query('INSERT INTO notes VALUES (1)')
        client.release(new Error('gone'))
        await vi.waitFor(async () => expect(await sql`SELECT count(*)::int AS n FROM notes`).toEqual([{ n: 0 }]))
        await vi.waitFor(() => expect(suite.served.sockets).toBe(0), { timeout: 4_000 })
        await pool.end()
      })

      it('bounds their number and their silence', async () => {
        const bounded = await strict({ tunnels: 1, tunnelIdleMs: 300, handshakeTimeoutMs: 300 })
        const silent = new WebSocket(`ws://${bounded.origin}/v2`)
        await once(silent, 'open')
        const refused = new WebSocket(`ws://${bounded.origin}/v2`)
        await once(refused, 'error')
        await once(silent, 'close')
        const pool = new Pool({ connectionString: DSN })
        const lost = once(pool, 'error')
        await pool.query('SELECT 1')
        expect((await lost)[0]).toMatchObject({ code: '57P05' })
        await vi.waitFor(() => expect(bounded.sockets).toBe(0), { timeout: 4_000 })
        await pool.end()
      })
    })
  })
}
