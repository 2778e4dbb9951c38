/**
 * `npm run bench -- fanout`: from the accepted post to the last follower's timeline, through all that lies between: api
 * Worker, queue, consumer Worker, ingest, log, fan-out, redis-server. The author has 9,999 followers, all warm.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { createTestHarness } from 'wrangler'
import type { Id } from '#core/ids.ts'
import { keys, MARK } from '#core/keys.ts'
import { keySlot } from '#core/redis-slots.ts'
import { localOrigin, writeWorkerConfigs } from '../../ops/workers.ts'
import { readConfig } from '../../origin/config.ts'
import { findRedisServer } from '../../origin/embedded/redis-server.ts'
import { createRedisPort, type OriginRedis } from '../../origin/redis/index.ts'
import type { Bench, BenchOptions, Figures } from '../bench.ts'
import { median } from '../median.ts'
import { freePort, startProcess, untilAnswers } from '../processes.ts'
import { followersOf } from './followers.ts'
import { readTotals, stagesBetween } from './stages.ts'

const FOLLOWERS = 9_999
const WARM_UPS = 10
const POSTS = 30
/** Between looks at the timelines: the resolution of the measurement. */
const LOOK_EVERY_MS = 2
const PATIENCE_MS = 30_000

interface Stage {
  url: URL
  token: string
  author: Id
  database: pg.Client
  redis: OriginRedis
  /** The origin's address and token, for its /metrics. */
  origin: { url: string; token: string }
}

export const fanoutBench: Bench = async (options) => {
  const directory = mkdtempSync(join(tmpdir(), 'tideline-bench-'))
  const closers: (() => Promise<unknown>)[] = []
  try {
    return await measure(await setStage(directory, closers, options), options)
  } finally {
    for (const close of closers.reverse()) await close()
    rmSync(directory, { recursive: true, force: true })
  }
}

/**
 * Origin with redis-server in a process of its own, the three Workers in workerd, one author with an account. REDIS_URL names
 * another Redis, or a cluster; other engines, too, are chosen by the origin's settings.
 */
async function setStage(directory: string, closers: (() => Promise<unknown>)[], { say }: BenchOptions): Promise<Stage> {
  const { REDIS_URL } = process.env
  if (!REDIS_URL && findRedisServer(process.env.PATH ?? '') === null) {
    throw new Error(
      'The fan-out bench needs redis-server or valkey-server on the PATH, or a Redis that REDIS_URL names.',
    )
  }
  const ports = { PORT: await freePort(), GATEWAY_PORT: await freePort(), POSTGRES_PORT: await freePort() }
  const more = { REDIS_PORT: await freePort(), S3_PORT: await freePort() }
  const env = Object.fromEntries(Object.entries({ ...ports, ...more }).map(([name, port]) => [name, String(port)]))
  const settings = { ...env, STATE_DIR: directory, LOG_LEVEL: 'error' }
  const config = readConfig(settings)
  const origin = startProcess(process.execPath, [new URL('../../origin/main.ts', import.meta.url).pathname], settings)
  closers.push(() => origin.stop())
  await untilAnswers(`http://127.0.0.1:${ports.PORT}/health`)
  const objectsEndpoint = `http://127.0.0.1:${more.S3_PORT}`
  const address = localOrigin(config, { port: ports.PORT, gatewayPort: ports.GATEWAY_PORT, objectsEndpoint })
  const configs = writeWorkerConfigs(join(directory, 'workers'), address)
  const harness = createTestHarness({ workers: configs.map((configPath) => ({ configPath })) })
  const { url } = await harness.listen()
  closers.push(() => harness.close())
  say('origin and Workers are up')

  const account = await call<{ userId: Id; accessToken: string }>(new URL('/v1/accounts', url), null, {
    username: 'bench.author',
    email: 'author@bench.test',
    password: 'nine thousand followers',
  })
  const database = new pg.Client({
    host: '127.0.0.1',
    port: ports.POSTGRES_PORT,
    user: 'postgres',
    database: 'postgres',
  })
  await database.connect()
  closers.push(() => database.end())
  const redis = createRedisPort(REDIS_URL || `redis://127.0.0.1:${more.REDIS_PORT}`)
  await redis.ready()
  closers.push(() => redis.close())
  const ownMetrics = { url: address.originUrl, token: config.secrets.SERVICE_TOKEN }
  return { url, token: account.accessToken, author: account.userId, database, redis, origin: ownMetrics }
}

async function measure(stage: Stage, { say }: BenchOptions): Promise<Figures> {
  const followers = await followersOf(stage.author, FOLLOWERS, stage.database)
  for (let i = 0; i < followers.length; i += 1_000) {
    const page = followers.slice(i, i + 1_000)
    await stage.redis.pipeline(page.map((follower) => ['ZADD', keys.timeline(follower), 0, MARK]))
  }
  say(`${followers.length} warm followers`)
  const last = lastOfPages(stage.redis, followers)
  const times: number[] = []
  const metrics = () => readTotals(stage.origin.url, stage.origin.token)
  let before = await metrics()
  for (let i = 0; i < WARM_UPS + POSTS; i++) {
    if (i === WARM_UPS) before = await metrics()
    const { id } = await call<{ id: Id }>(new URL('/v1/posts', stage.url), stage.token, { caption: `post ${i}` })
    const acceptedAt = performance.now()
    await untilPushed(stage.redis, last, id)
    if (i >= WARM_UPS) times.push(performance.now() - acceptedAt)
    if (i === WARM_UPS + POSTS - 1) await expectEverywhere(stage.redis, followers, id)
    await delay(50)
  }
  const acceptedToLastMs = median(times)
  say(
    `accepted to last: median ${acceptedToLastMs.toFixed(0)} ms of ${times.length}, from ${Math.min(...times).toFixed(0)} to ${Math.max(...times).toFixed(0)}`,
  )
  return {
    followers: FOLLOWERS,
    acceptedToLastMs: Number(acceptedToLastMs.toFixed(1)),
    stages: stagesBetween(before, await metrics()),
    usPerFollower: Number(((acceptedToLastMs * 1_000) / FOLLOWERS).toFixed(2)),
    celebrityTimelineWrites: await celebrityWrites(stage, followers),
  }
}

/**
 * A page is one pipeline in the order of its followers, in a cluster one to each master: where the last ones have the post, the
 * page is through. Masters are told apart by their lowest slots, as they stand in a cluster that was never resharded.
 */
function lastOfPages(redis: OriginRedis, followers: readonly Id[]): Id[] {
  const lowest = redis.masters().map(({ slot }) => slot ?? 0)
  const last = new Map<string, Id>()
  for (const [i, follower] of followers.entries()) {
    const slot = keySlot(keys.timeline(follower))
    const master = Math.max(...lowest.filter((low) => low <= slot))
    last.set(`${Math.floor(i / 1_000)}:${master}`, follower)
  }
  return [...last.values()]
}

/** Timelines that a celebrity's post is written to: makes the author one, posts, and counts. */
async function celebrityWrites(stage: Stage, followers: readonly Id[]): Promise<number> {
  await stage.database.query(
    `insert into author_modes (author_id, mode, applied_mode, version, applied_version) values ($1, 'pull', 'pull', 1, 1)
     on conflict (author_id) do update set mode = 'pull', applied_mode = 'pull'`,
    [stage.author],
  )
  const { id } = await call<{ id: Id }>(new URL('/v1/posts', stage.url), stage.token, { caption: 'as a celebrity' })
  // Its announcement in the delta is the last thing that fan-out writes for a celebrity.
  const announced = async () => {
    const [members] = await stage.redis.pipeline([['ZRANGE', keys.delta(), 0, -1]])
    return Array.isArray(members) && members.includes(`p:${stage.author}:${id}`)
  }
  await until(announced, 'the celebrity post was not announced')
  await delay(500)
  return countWith(stage.redis, followers, id)
}

async function untilPushed(redis: OriginRedis, readers: readonly Id[], post: Id): Promise<void> {
  // Who has it keeps it: looking again would only take time from those who still wait.
  let waiting = readers
  await until(async () => {
    const scores = await redis.pipeline(waiting.map((reader) => ['ZSCORE', keys.timeline(reader), post]))
    waiting = waiting.filter((_, i) => scores[i] === null)
    return waiting.length === 0
  }, 'the post did not reach every timeline')
}

async function until(holds: () => Promise<boolean>, otherwise: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(otherwise)
    await delay(LOOK_EVERY_MS)
  }
}

async function countWith(redis: OriginRedis, readers: readonly Id[], post: Id): Promise<number> {
  const scores = await redis.pipeline(readers.map((reader) => ['ZSCORE', keys.timeline(reader), post]))
  return scores.filter((score) => score !== null).length
}

async function expectEverywhere(redis: OriginRedis, readers: readonly Id[], post: Id): Promise<void> {
  const found = await countWith(redis, readers, post)
  if (found !== readers.length) throw new Error(`the post is in ${found} of ${readers.length} timelines`)
}

async function call<T>(url: URL, token: string | null, body: object): Promise<T> {
  const headers = {
    'content-type': 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  }
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${url.pathname} answered ${answer.status}: ${await answer.text()}`)
  return (await answer.json()) as T
}
