import { sql } from 'drizzle-orm'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { problems } from '#core/problem.ts'
import type { Database } from '#drizzle/database.ts'
import { openSlowLine, type SlowLine } from '../test/fault/slow-line.ts'
import { startEmbeddedPostgres } from './embedded/postgres/index.ts'
import { isAway } from './outages.ts'
import { pooledDatabase } from './pools.ts'
import { type Look, lookAtPostgres, unlessSilent } from './silence.ts'

const limits = { suspiciousMs: 50, everyMs: 20 }
const ANSWER_MS = 300
/** Longer than any test waits. */
const NEVER_MS = 600_000
const away = () => problems.away('The database', 1)

let server: Awaited<ReturnType<typeof startEmbeddedPostgres>>
let line: SlowLine
let url: string
let pool: pg.Pool
let pooled: Database
beforeAll(async () => {
  server = await startEmbeddedPostgres()
  line = await openSlowLine(Number(new URL(server.url).port))
  const through = new URL(server.url)
  through.port = String(line.port)
  url = through.href
  // No limit of its own: what ends a wait here is what is tested.
  pool = new pg.Pool({ connectionString: url })
  pool.on('error', () => {})
  pool.on('connect', (client) => void client.on('error', () => {}))
  pooled = pooledDatabase(pool)
})
afterAll(async () => {
  await line.close()
  await pool.end()
  await server.close()
})

const one = sql`SELECT 1 AS one`
const database = (look: () => Promise<Look> = () => lookAtPostgres(url, ANSWER_MS)) =>
  unlessSilent(pooled, { look, away, limits })

test('a database that falls silent keeps nobody waiting, and is used again when it speaks', async () => {
  const watched = database()
  expect(await watched.query(one)).toEqual([{ one: 1 }])
  line.delayMs = NEVER_MS
  const calls = [watched.query(one), watched.query(one), watched.batch([one, one])]
  const outcomes = await Promise.allSettled(calls)
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && isAway(outcome.reason))).toEqual([true, true, true])
  line.delayMs = 0
  expect(await watched.query(one)).toEqual([{ one: 1 }])
})

test.each([
  ['answers', ['answers']],
  ['answers at every other look', ['silent', 'answers']],
  ['may have answered', ['unknown']],
] as const)('a slow statement of a database that %s is waited for', async (_, looks) => {
  let asked = 0
  const watched = database(async () => looks[asked++ % looks.length] ?? 'answers')
  line.delayMs = 10 * limits.suspiciousMs
  expect(await watched.query(one)).toEqual([{ one: 1 }])
  line.delayMs = 0
  expect(asked).toBeGreaterThan(looks.length)
})

test('a server that speaks answers; none, and one that says nothing, do not', async () => {
  const nobody = new URL(url)
  nobody.port = '9'
  expect(await lookAtPostgres(url, 10_000)).toBe('answers')
  expect(await lookAtPostgres(nobody.href, 10_000)).toBe('silent')
  line.delayMs = NEVER_MS
  expect(await lookAtPostgres(url, ANSWER_MS)).toBe('silent')
  line.delayMs = 0
})

test('what this process was too late to read is no silence of the server', async () => {
  const looking = lookAtPostgres(url, ANSWER_MS)
  const until = performance.now() + 3 * ANSWER_MS
  while (performance.now() < until);
  expect(await looking).not.toBe('silent')
})
