/** The embedded Postgres on disk: what outlives the process and the engine. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import pg from 'pg'
import { afterAll, expect, it, vi } from 'vitest'
import { DataDirInUseError, startEmbeddedPostgres } from './index.ts'

const folder = mkdtempSync(join(tmpdir(), 'tideline-postgres-'))
const dataDir = join(folder, 'data')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A process of its own that commits rows one by one and says each number when it is acknowledged. */
function spawnWriter(): ChildProcess {
  const program = `
    import pg from 'pg'
    import { startEmbeddedPostgres } from ${JSON.stringify(new URL('./index.ts', import.meta.url).href)}
    const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)} })
    const client = new pg.Client({ connectionString: server.url })
    await client.connect()
    await client.query('CREATE TABLE IF NOT EXISTS acks (n int PRIMARY KEY, filler text)')
    const { rows } = await client.query('SELECT coalesce(max(n), 0) AS last FROM acks')
    for (let n = rows[0].last + 1; ; n++) {
      await client.query('INSERT INTO acks VALUES ($1, $2)', [n, 'x'.repeat(500)])
      process.stdout.write(n + '\\n')
    }`
  return spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
    cwd: new URL('../../..', import.meta.url),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

it('loses no acknowledged row when the process is killed, three times over', async () => {
  let acknowledged = 0
  for (let round = 0; round < 3; round++) {
    const writer = spawnWriter()
    const before = acknowledged
    for await (const line of createInterface({ input: writer.stdout! })) {
      acknowledged = Number(line)
      if (acknowledged >= before + 60) writer.kill('SIGKILL')
    }
    if (writer.signalCode === null) await once(writer, 'exit')
    const again = await startEmbeddedPostgres({ dataDir })
    const client = new pg.Client({ connectionString: again.url })
    await client.connect()
    const { rows } = await client.query('SELECT count(*)::int AS rows, max(n) AS last FROM acks')
    await client.end()
    await again.close()
    expect(acknowledged).toBeGreaterThanOrEqual(before + 60)
    expect(rows[0].last).toBeGreaterThanOrEqual(acknowledged)
    expect(rows[0].rows).toBe(rows[0].last)
  }
}, 60_000)

it('starts the engine again when it breaks, with everything that was committed', async () => {
  const causes: Error[] = []
  const fragile = await startEmbeddedPostgres({ dataDir, stackMb: 4, onCrash: (cause) => causes.push(cause) })
  const pool = new pg.Pool({ connectionString: fragile.url })
  pool.on('error', () => {})
  await pool.query('CREATE TABLE survivors (id int)')
  await pool.query('INSERT INTO survivors VALUES (1)')
  await expect(pool.query("SELECT repeat('[', 200000)::json")).rejects.toMatchObject({ code: '57P02' })
  await vi.waitFor(async () => expect((await pool.query('SELECT id FROM survivors')).rows).toEqual([{ id: 1 }]), {
    timeout: 10_000,
    interval: 100,
  })
  expect(causes).toHaveLength(1)
  await pool.end()
  await fragile.close()
}, 30_000)

it('refuses a folder that is open already, and gives it back on close', async () => {
  const first = await startEmbeddedPostgres({ dataDir })
  await expect(startEmbeddedPostgres({ dataDir })).rejects.toThrow(DataDirInUseError)
  await first.close()
  expect(existsSync(`${dataDir}.lock`)).toBe(false)
}, 30_000)
