/** `npm run replay`, as an operator calls it, against an origin whose log is each of the engines. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import type { OperableEventLog } from '../../origin/event-log.ts'
import { createInternalApi, type RunningServer, serveApi } from '../../origin/http.ts'
import { createIngest, postgresDeadLetters } from '../../origin/ingest/index.ts'
import { postgresMediaJobs } from '../../origin/media/postgres.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { createMetrics } from '../../origin/observe/metrics.ts'
import { createOutbox } from '../../origin/outbox/index.ts'
import { startDatabase } from './engines.ts'
import { ids, liked, onEveryLog, range, until } from './event-log-harness.ts'

const COMMAND = fileURLToPath(new URL('../../origin/ingest/replay.ts', import.meta.url))
const SERVICE_TOKEN = 'a token of no importance'
const common = { clock: Date.now, random: Math.random, logger: createLogger({ level: 'silent' }) }

let postgres: Awaited<ReturnType<typeof startDatabase>>
beforeAll(async () => {
  postgres = await startDatabase()
})
afterAll(() => postgres.close())

const servers: RunningServer[] = []
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close()
})

/** An origin with the role ingest on this log. */
async function serve(log: OperableEventLog): Promise<(...args: string[]) => Promise<unknown>> {
  const metrics = createMetrics()
  const { database } = postgres
  const ingest = createIngest({
    ...common,
    ...{ log, metrics, deferredHandlers: {}, deadLetters: postgresDeadLetters(database) },
    reviveMediaJobs: () => postgresMediaJobs(database).revive(Date.now()),
    outbox: createOutbox({ ...common, metrics, database, log, bury: async () => {} }),
  })
  const api = createInternalApi({
    ...common,
    ...{ metrics, serviceTokens: [SERVICE_TOKEN], methods: {}, endpoints: ingest.endpoints },
  })
  const server = await serveApi(api, { host: '127.0.0.1', port: 0 })
  servers.push(server)
  const env = { ...process.env, SERVICE_TOKEN, ORIGIN_URL: `http://127.0.0.1:${server.port}` }
  return async (...args) =>
    JSON.parse((await promisify(execFile)(process.execPath, [COMMAND, ...args], { env })).stdout)
}

onEveryLog('the replay command', ({ open, follow }) => {
  it('gives the dead letters of a topic back to the groups that gave them up, or to one of them', async () => {
    const log = open()
    const replay = await serve(log)
    const broken = new Set(['a', 'b'])
    const [a, b] = ['a', 'b'].map((group) =>
      follow(log, group, async () => {
        if (broken.has(group)) throw new Error('no such luck')
      }),
    ) as [ReturnType<typeof follow>, ReturnType<typeof follow>]
    const events = range(3).map((n) => liked(`k${n}`, n))
    await log.publish(events)
    await until(async () => (await log.deadLetters('post.liked')).length).toBe(6)

    broken.delete('a')
    expect(await replay('post.liked', 'a')).toEqual({ replayed: 3, left: 0 })
    await until(() => ids(a.seen).sort()).toEqual(events.map(({ id }) => id).sort())
    expect((await log.deadLetters('post.liked')).map(({ group }) => group)).toEqual(['b', 'b', 'b'])

    broken.delete('b')
    expect(await replay('post.liked')).toEqual({ replayed: 3, left: 0 })
    await until(() => ids(b.seen).sort()).toEqual(events.map(({ id }) => id).sort())
    expect(await replay('post.liked')).toEqual({ replayed: 0, left: 0 })
    expect(a.seen).toHaveLength(3)
  })

  it('queues media jobs anew that were given up, and no others', async () => {
    const replay = await serve(open())
    const { pool } = postgres
    await pool.query(`insert into media_jobs (media_id, state, attempts, run_after)
      values (1, 'dead', 8, 'infinity'), (2, 'done', 1, now()), (3, 'waiting', 2, 'infinity')`)
    expect(await replay('media-jobs')).toEqual({ replayed: 1, left: 0 })
    expect(await replay('media-jobs')).toEqual({ replayed: 0, left: 0 })
    const { rows } = await pool.query(
      'delete from media_jobs returning media_id::int as id, state, attempts, run_after <= now() as due',
    )
    expect(rows.sort((a, b) => a.id - b.id)).toEqual([
      { id: 1, state: 'waiting', attempts: 0, due: true },
      { id: 2, state: 'done', attempts: 1, due: true },
      { id: 3, state: 'waiting', attempts: 2, due: false },
    ])
  })
})
