/**
 * Each alert is driven to fire by what it is for: stores that are slow, timelines that are gone, work that is left lying. The
 * path is that of a deployment: api Worker → origin → /metrics → Prometheus → the rule. Before, with everything well, its value
 * is known; those whose value is no time are quiet. How fast a machine is that runs other tests beside this one says nothing:
 * FeedSlow, FeedDegraded and FanoutSlow may have a reason of their own there. (ReplicationLag needs a standby:
 * test/contract/alert-replication-lag.test.ts.)
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { keys } from '#core/keys.ts'
import { readConfig } from '../../origin/config.ts'
import { type EmbeddedObjects, startEmbeddedObjects } from '../../origin/embedded/objects/index.ts'
import { type EmbeddedRedis, startEmbeddedRedis } from '../../origin/embedded/redis/index.ts'
import { type Origin, startOrigin } from '../../origin/main.ts'
import { MEDIA_JOBS } from '../../origin/media/worker.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import type { FeedItem, Page, Person } from '../e2e/person.ts'
import { until } from '../e2e/until.ts'
import { hasPrometheus, type Prometheus, startPrometheus } from '../setup/prometheus.ts'
import { type Edge, startEdge } from './edge.ts'
import { openSlowFront, type SlowFront } from './slow-front.ts'
import { openSlowLine, type SlowLine } from './slow-line.ts'
import { authorAndReader } from './split-origin.ts'

/** Counts of the edge arrive every five seconds, and a rate needs two of them. */
const PATIENCE_MS = 60_000
const logger = createLogger({ level: 'silent' })
/** As in wrangler.toml and the default; on this machine edges have seconds otherwise. */
const DEPLOYED = { FEED_BUDGET_MS: '200', REDIS_TIMEOUT_MS: '50' }
/** More than the deployed edge waits for, and more than FeedSlow allows. */
const SLOW_MS = 400

let stateDir: string
let redis: EmbeddedRedis
let line: SlowLine
let objects: EmbeddedObjects
let origin: Origin
let gateway: SlowFront
let edge: Edge
let settings: Parameters<typeof startEdge>[0]
let prometheus: Prometheus
let author: Person
let reader: Person

async function startAll(): Promise<void> {
  stateDir = mkdtempSync(join(tmpdir(), 'tideline-alerts-'))
  redis = await startEmbeddedRedis()
  line = await openSlowLine(redis.port)
  const free = { PORT: '0', GATEWAY_PORT: '0', POSTGRES_PORT: '0', REDIS_PORT: '0', S3_PORT: '0' }
  const env = { ...free, STATE_DIR: stateDir, REDIS_URL: `redis://127.0.0.1:${line.port}` }
  const { secrets, objects: bucket } = readConfig(env)
  objects = await startEmbeddedObjects({
    dir: join(stateDir, 'objects'),
    credentials: { accessKeyId: secrets.S3_ACCESS_KEY_ID, secretAccessKey: secrets.S3_SECRET_ACCESS_KEY },
    region: bucket.region,
    buckets: [bucket.bucket],
    logger,
  })
  const config = readConfig({ ...env, S3_ENDPOINT: objects.endpoint })
  origin = await startOrigin({ config, logger })
  gateway = await openSlowFront(origin.gatewayPort ?? 0)
  const ports = { PORT: String(origin.port), GATEWAY_PORT: String(gateway.port) }
  settings = { ...env, S3_ENDPOINT: objects.endpoint, ...ports }
  edge = await startEdge(settings)
  prometheus = await startPrometheus(stateDir, { port: origin.port, serviceToken: secrets.SERVICE_TOKEN })
  ;[author, reader] = await authorAndReader(edge)
}

async function stopAll(): Promise<void> {
  await prometheus?.close()
  await edge?.close()
  await origin?.close()
  await gateway?.close()
  await objects?.close()
  await line?.close()
  await redis?.close()
  rmSync(stateDir, { recursive: true, force: true })
}

/** Does something again and again until the alert fires. */
const untilFires = (alert: string, again: () => Promise<unknown> = async () => {}) =>
  until(
    `${alert} fires`,
    async () => {
      await again()
      return (await prometheus.firing()).includes(alert)
    },
    { withinMs: PATIENCE_MS, everyMs: 100 },
  )

const readFeed = () => reader.feed()

/** Does something with the reader at an edge with the deployed budgets, where nobody was before. */
async function atNewLocation(name: string, work: (reader: Person) => Promise<void>): Promise<void> {
  const location = await startEdge(settings, { name, apiVars: DEPLOYED })
  try {
    await work(reader.at(location.fetch))
  } finally {
    await location.close()
  }
}

const feedAnswer = (person: Person) => person.call<Page<FeedItem>>('GET', '/v1/feed?mode=following&limit=20')

describe.skipIf(!hasPrometheus)('an alert fires for its reason (needs prometheus)', () => {
  beforeAll(startAll)
  afterAll(stopAll)
  afterEach(() => {
    gateway.delayMs = 0
    line.delayMs = 0
  })

  it('each knows its value while all is well, and those that no busy machine can raise are silent', async () => {
    await until(
      'all values are known',
      async () => {
        const [{ id }] = [await author.post('well'), await readFeed(), await readFeed(), await readFeed()]
        await author.call('DELETE', `/v1/posts/${id}`)
        const alerts = [
          'FeedSlow',
          'FeedDegraded',
          'TimelineHitRateLow',
          'FanoutSlow',
          'MediaQueueLong',
          'MediaJobsGivenUp',
        ]
        return (await Promise.all(alerts.map(prometheus.value))).every((value) => value !== null)
      },
      { withinMs: PATIENCE_MS, everyMs: 100 },
    )
    expect(await prometheus.value('TimelineHitRateLow')).toBeGreaterThan(0.7)
    expect(await prometheus.value('MediaQueueLong')).toBe(0)
    expect(await prometheus.value('MediaJobsGivenUp')).toBe(0)
    expect(await prometheus.value('DeadLetters')).toBe(0)
    expect(await prometheus.value('BreakerOpen')).toBe(0)
    const quiet = new Set(['TimelineHitRateLow', 'MediaQueueLong', 'MediaJobsGivenUp', 'DeadLetters', 'BreakerOpen'])
    expect((await prometheus.firing()).filter((alert) => quiet.has(alert))).toEqual([])
  })

  it('TimelineHitRateLow: timelines are gone whenever they are read', async () => {
    expect(await prometheus.firing()).not.toContain('TimelineHitRateLow')
    await untilFires('TimelineHitRateLow', async () => {
      await origin.engines.redis.pipeline([['DEL', keys.timeline(reader.id)]])
      await readFeed()
    })
    expect(await prometheus.value('TimelineHitRateLow')).toBeLessThan(0.7)
  })

  it('FeedDegraded: Redis and Postgres are 400 ms away from an edge that knows its readers: it shows what it has', async () => {
    await atNewLocation('known', async (person) => {
      await until(
        'it has a last page',
        async () => (await feedAnswer(person)).headers.get('tideline-degraded') === null,
      )
      gateway.delayMs = SLOW_MS
      await until('it shows a degraded page', async () => (await feedAnswer(person)).headers.has('tideline-degraded'))
      await untilFires('FeedDegraded', () => Promise.all(Array.from({ length: 5 }, () => feedAnswer(person))))
    })
    expect(await prometheus.value('FeedDegraded')).toBeGreaterThan(0.05)
  })

  it('FeedSlow: they are as far away from an edge that does not, so that readers have to wait', async () => {
    gateway.delayMs = SLOW_MS
    await atNewLocation('unknown', (person) =>
      untilFires('FeedSlow', () => Promise.all(Array.from({ length: 5 }, () => feedAnswer(person)))).then(() => {}),
    )
    expect(await prometheus.value('FeedSlow')).toBeGreaterThan(0.3)
  })

  it('FanoutSlow: each step to Redis takes 700 ms at the origin', async () => {
    line.delayMs = 700
    await untilFires('FanoutSlow', () => author.post('slow'))
    expect(await prometheus.value('FanoutSlow')).toBeGreaterThan(1)
  })

  it('DeadLetters: the edge queue brings what this origin does not know', async () => {
    expect(await prometheus.firing()).not.toContain('DeadLetters')
    const message = { id: 'of-tomorrow', attempts: 1, body: { type: 'post.levitated', version: 1 } }
    const brought = await fetch(`http://127.0.0.1:${origin.port}/internal/ingest`, {
      method: 'POST',
      headers: { authorization: `Bearer ${origin.config.secrets.SERVICE_TOKEN}` },
      body: JSON.stringify({ queue: 'events', messages: [message] }),
    })
    expect(await brought.json()).toMatchObject({ results: [{ outcome: 'dead' }] })
    await untilFires('DeadLetters')
    expect(await prometheus.value('DeadLetters')).toBe(1)
  })

  it('MediaJobsGivenUp: the original of a picture is gone at the last of its tries', async () => {
    expect(await prometheus.firing()).not.toContain('MediaJobsGivenUp')
    await origin.engines.database.query(sql`WITH uploaded AS (
      INSERT INTO media (media_id, user_id, key, content_type, bytes, state)
      VALUES (3999999, ${author.id}::bigint, 'uploads/3999999', 'image/jpeg', 1000, 'uploaded') RETURNING media_id)
      INSERT INTO media_jobs (media_id, attempts) SELECT media_id, ${MEDIA_JOBS.maxAttempts - 1}::int FROM uploaded`)
    await untilFires('MediaJobsGivenUp')
    expect(await prometheus.value('MediaJobsGivenUp')).toBe(1)
  })

  it('MediaQueueLong and BreakerOpen: the object store is away while ten thousand and one pictures come', async () => {
    const firing = await prometheus.firing()
    expect(firing.filter((alert) => alert === 'MediaQueueLong' || alert === 'BreakerOpen')).toEqual([])
    const upload = { contentType: 'image/jpeg', bytes: 1_000 }
    const { id } = await author.ask<{ id: string }>('POST', '/v1/media', upload)
    await objects.close()
    await origin.engines.database.query(sql`WITH uploaded AS (
      INSERT INTO media (media_id, user_id, key, content_type, bytes, state)
      SELECT 4000000 + n, ${author.id}::bigint, 'uploads/' || n, 'image/jpeg', 1000, 'uploaded'
      FROM generate_series(1, 10001) AS n RETURNING media_id)
      INSERT INTO media_jobs (media_id) SELECT media_id FROM uploaded`)
    await untilFires('MediaQueueLong')
    expect(await prometheus.value('MediaQueueLong')).toBe(10_001)
    await untilFires('BreakerOpen', () => author.call('POST', `/v1/media/${id}/complete`, {}))
    expect(await prometheus.value('BreakerOpen')).toBe(1)
  })
})
