import { sql } from 'drizzle-orm'
import { describe, expect, it } from 'vitest'
import { createBreaker } from '#core/breaker.ts'
import { sqlState, UNIQUE_VIOLATION, violatedConstraint } from '#drizzle/database.ts'
import { person, services } from '../testing.ts'
import { DatabaseAwayError, neonPostgres } from './postgres.ts'

const { db } = services

describe('the database port over Neon', () => {
  it('answers ids as text, JSON parsed and lists as lists', async () => {
    const [row] = await db.query(
      sql`SELECT 7268831462144000001::bigint AS id, '{"a":[1]}'::jsonb AS body, ARRAY['x','y'] AS tags`,
    )
    expect(row).toEqual({ id: '7268831462144000001', body: { a: [1] }, tags: ['x', 'y'] })
  })

  it('runs a batch whole or not at all, and answers the rows of each statement', async () => {
    const ann = await person()
    const [first, second] = await db.batch([sql`SELECT 1 AS n`, sql`SELECT 2 AS n`])
    expect([first, second]).toEqual([[{ n: 1 }], [{ n: 2 }]])
    const failing = db.batch([
      sql`UPDATE users SET bio = 'half' WHERE user_id = ${ann.id}::bigint`,
      sql`INSERT INTO users (user_id, username, email) VALUES (${ann.id}::bigint, 'x', 'y')`,
    ])
    const error: unknown = await failing.catch((e: unknown) => e)
    expect([sqlState(error), violatedConstraint(error)]).toEqual([UNIQUE_VIOLATION, 'users_pkey'])
    const [row] = await db.query<{ bio: string }>(sql`SELECT bio FROM users WHERE user_id = ${ann.id}::bigint`)
    expect(row?.bio).toBe('')
  })

  it('knows a fault of ours from an outage', async () => {
    const faulty: unknown = await db.query(sql`SELECT no_such_column`).catch((e: unknown) => e)
    expect(faulty).not.toBeInstanceOf(DatabaseAwayError)
    const config = { httpUrl: 'http://127.0.0.1:9/sql', url: 'postgres://u:p@nowhere.test/db', timeoutMs: 500 }
    const breaker = createBreaker({ failures: 1, openMs: 1_000 }, () => 0)
    const away = neonPostgres(config, breaker)
    await expect(away.query(sql`SELECT 1`)).rejects.toThrow(DatabaseAwayError)
    expect(breaker.isOpen()).toBe(true)
    await expect(away.batch([sql`SELECT 1`])).rejects.toThrow(DatabaseAwayError)
    expect(await db.query(sql`SELECT 1 AS n`)).toEqual([{ n: 1 }])
  })
})
