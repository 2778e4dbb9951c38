/** Statements that run too long, in front of each Postgres that can be interrupted. */
import { request as httpRequest } from 'node:http'
import type { NeonQueryFunction } from '@neondatabase/serverless'
import { describe, expect, it, vi } from 'vitest'
import { DSN, gatewaySuite, pointAt, post, targets } from './testing.ts'

for (const { name, start, interrupts } of targets) {
  // The embedded engine computes in one thread that nothing interrupts.
  if (!interrupts) continue
  if (start === undefined) {
    describe.skip(`statements that run too long on ${name} (skipped: no initdb in the usual folders)`, () => {
      it('are stopped', () => {})
    })
    continue
  }
  describe(`statements that run too long on ${name}`, () => {
    const suite = gatewaySuite(start)
    const { sql, strict } = suite

    it('are stopped by statement_timeout, and by the deadline of the request', async () => {
      await strict({ statementTimeoutMs: 100 })
      await expect(sql`SELECT pg_sleep(30)`).rejects.toMatchObject({ code: '57014' })
      const tight = await strict({ requestTimeoutMs: 100 })
      expect((await post(tight, { query: 'SELECT pg_sleep(30)' })).status).toBe(504)
      expect(await running(sql)).toBe(0)
    })

    it('are cancelled when the client goes away', async () => {
      const one = await strict({ poolConnections: 1 })
      const request = httpRequest(`http://${one.origin}/sql`, {
        method: 'POST',
        headers: { 'neon-connection-string': DSN },
      })
      request.on('error', () => {})
      request.end(JSON.stringify({ query: 'SELECT pg_sleep(31)' }))
      pointAt(suite.served)
      await vi.waitFor(async () => expect(await running(sql)).toBe(1), { timeout: 5_000 })
      request.destroy()
      await vi.waitFor(async () => expect(await running(sql)).toBe(0), { timeout: 5_000 })
      pointAt(one)
      expect(await sql`SELECT 1 AS n`).toEqual([{ n: 1 }])
    })

    it('leave an unknown outcome when the connection breaks, and the next request gets a new one', async () => {
      const one = await strict({ poolConnections: 1 })
      const broken = post(one, { query: 'SELECT pg_sleep(32)' })
      pointAt(suite.served)
      await vi.waitFor(async () => expect(await running(sql)).toBe(1), { timeout: 5_000 })
      await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(32)%' AND pid <> pg_backend_pid()`
      expect(await (await broken).json()).toMatchObject({ code: '57P01' })
      expect((await post(one, { query: 'SELECT 1' })).status).toBe(200)
    })
  })
}

/** Sleeping statements that Postgres is executing. */
async function running(sql: NeonQueryFunction<false, false>): Promise<number> {
  const rows =
    await sql`SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT pg_sleep%'`
  return rows[0]!.n
}
