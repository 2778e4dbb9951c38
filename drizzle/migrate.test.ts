import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../origin/embedded/postgres/index.ts'
import { migrate } from './migrate.ts'

let engine: EmbeddedPostgres
let pool: pg.Pool

beforeAll(async () => {
  engine = await startEmbeddedPostgres({ port: 0 })
  pool = new pg.Pool({ connectionString: engine.url })
}, 30_000)

afterAll(async () => {
  await pool.end()
  await engine.close()
})

test('several origins may migrate an empty database at once, and again later', async () => {
  await Promise.all([migrate(pool), migrate(pool)])
  await migrate(pool)
  const tables = await pool.query("select count(*)::int as n from pg_tables where schemaname = 'public'")
  expect(tables.rows[0].n).toBeGreaterThan(20)
  const ledger = await pool.query(
    'select count(*)::int as n, count(distinct hash)::int as d from drizzle.__drizzle_migrations',
  )
  expect(ledger.rows[0].n).toBe(ledger.rows[0].d)
})
