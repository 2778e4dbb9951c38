/**
 * `npm run bench -- counters`: likes of one post by as many people, one in twenty of them repeated and one in twenty taken
 * back, through the engagement service with all that follows (store, counters, log, liked sets, roll-up). The count must be
 * exact within ten seconds of the last. Embedded engines; Cassandra where CASSANDRA_CONTACT_POINTS names one.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { createIdFactory, type Id, type IdFactory } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { type Config, readConfig } from '../../origin/config.ts'
import type { RequestContext } from '../../origin/internal-api.ts'
import { type Origin, startOrigin } from '../../origin/main.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import type { Bench, BenchOptions, Figures } from '../bench.ts'
import { freePort } from '../processes.ts'
import { seededRandom } from '../random.ts'
import { likesThroughTheApi } from './api.ts'
import { bucketsOf, dropKeyspace, plainInsertsPerSecond as plainCassandra } from './cassandra.ts'
import { type BenchPost, plainInsertsPerSecond as plainPostgres, publish } from './post.ts'
import { planTaps } from './taps.ts'

const LIKES = 100_000
const FULL_LIKES = 1_000_000
/** Calls under way at once, as many origins' connections would bring. */
const PARALLEL = 128
/** What "exact" means: equal within so long after the last like. */
const EXACT_WITHIN_MS = 10_000
const API_LIKES = 5_000
const PLAIN_INSERTS = 20_000
/** Rows and taps before those that count: what engines and this process compile and connect at first is in neither rate. */
const WARM_UP = 5_000

export const countersBench: Bench = async (options) => {
  const directory = mkdtempSync(join(tmpdir(), 'tideline-bench-'))
  const likes = options.likes ?? (options.full ? FULL_LIKES : LIKES)
  const own = await settings(directory, likes)
  const config = readConfig(own)
  try {
    const figures = await throughTheService(config, likes, options)
    const apiLikes = Math.min(API_LIKES, likes)
    return {
      ...figures,
      ...(await likesThroughTheApi({ settings: own, directory, likes: apiLikes, say: options.say })),
    }
  } finally {
    if (config.cassandra !== null) await dropKeyspace(config.cassandra)
    rmSync(directory, { recursive: true, force: true })
  }
}

/** What else an origin may stand on, as it is chosen for one. */
const ENGINES = /^(CASSANDRA|KAFKA)_|^REDIS_(URL|CA_FILE)$/

/** A keyspace and topics of its own, and buckets so small that a run rolls a few. */
async function settings(directory: string, likes: number): Promise<Record<string, string>> {
  const given = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => ENGINES.test(entry[0])),
  )
  const ports = ['PORT', 'GATEWAY_PORT', 'POSTGRES_PORT', 'REDIS_PORT', 'S3_PORT']
  const free = await Promise.all(ports.map(async (name) => [name, String(await freePort())] as const))
  return {
    CASSANDRA_LIKES_PER_BUCKET: String(Math.max(100, Math.floor(likes / 5))),
    KAFKA_PREFIX: 'bench.',
    // The embedded one, whatever is set: rows are written to it by SQL.
    DATABASE_URLS: '',
    ...given,
    CASSANDRA_KEYSPACE: `bench_${Date.now()}`,
    STATE_DIR: directory,
    LOG_LEVEL: 'error',
    ROLES: 'gateway,accounts,engagement',
    ...Object.fromEntries(free),
  }
}

async function throughTheService(config: Config, likes: number, { say }: BenchOptions): Promise<Figures> {
  const origin = await startOrigin({ config, logger: createLogger({ level: 'error' }) })
  try {
    const { described, pools } = origin.engines
    say(`engagement: ${described.engagement}; log: ${described.log}; Redis: ${described.redis}`)
    const ids = createIdFactory(Date.now, Math.random)
    const plan = (wanted: number) => planTaps(peopleOf(ids, wanted), seededRandom(7))
    const plain = (rows: number) => plainRate(origin, config, peopleOf(ids, rows))
    await plain(WARM_UP)
    await tapAll(origin, await publish(pools[0], ids.next(1), ids.next(1)), plan(WARM_UP).taps, () => {})
    const post = await publish(pools[0], ids.next(1), ids.next(1))
    const { taps, expected } = plan(likes)

    const before = await plain(PLAIN_INSERTS)
    const startedAt = performance.now()
    const failures = await tapAll(origin, post, taps, say)
    const perSecond = (taps.length / (performance.now() - startedAt)) * 1_000
    const { counted, afterMs } = await untilExact(origin, post.id, expected)
    const after = await plain(PLAIN_INSERTS)
    say(`${Math.round(perSecond)} taps a second; ${counted} counted of ${expected} after ${afterMs} ms`)
    say(`plain inserts a second: ${Math.round(before)} before, ${Math.round(after)} after`)
    const { cassandra } = config
    return {
      engine: cassandra === null ? 'postgres' : 'cassandra',
      likes,
      taps: taps.length,
      failures,
      expected,
      counted,
      inStore: (await origin.engines.engagement.count(post.id)).likes,
      exactAfterMs: counted === expected ? afterMs : null,
      servicePerSecond: Math.round(perSecond),
      plainInsertsPerSecond: Math.round((before + after) / 2),
      serviceRatio: Number(((2 * perSecond) / (before + after)).toFixed(3)),
      buckets: cassandra === null ? null : await bucketsOf(cassandra, post.id),
    }
  } finally {
    await origin.close()
  }
}

const peopleOf = (ids: IdFactory, wanted: number): Id[] =>
  Array.from({ length: wanted }, () => ids.next(ids.randomShard()))

/** Plain inserts into the store's engine, as many at once as there are taps. */
function plainRate({ engines }: Origin, { cassandra }: Config, people: readonly Id[]): Promise<number> {
  return cassandra === null
    ? plainPostgres(engines.pools[0], people, PARALLEL)
    : plainCassandra(cassandra, people, PARALLEL)
}

type Taps = ReturnType<typeof planTaps>['taps']

/** @returns calls that failed and were made again, as a client or the queue would */
async function tapAll(origin: Origin, post: BenchPost, taps: Taps, say: BenchOptions['say']): Promise<number> {
  const { 'engagement.like': like, 'engagement.unlike': unlike } = origin.tiers.methods
  if (like === undefined || unlike === undefined) throw new Error('no engagement at this origin')
  const stamped = new Map<number, number>()
  let failures = 0
  let next = 0
  const worker = async () => {
    for (let i = next++; i < taps.length; i = next++) {
      const { userId, kind, tap } = taps[i] ?? { userId: '', kind: 'like', tap: 0 }
      const at = stamped.get(tap) ?? Date.now()
      stamped.set(tap, at)
      const input = { postId: post.id, authorId: post.author, userId, at }
      const call = () => (kind === 'like' ? like(input, context) : unlike(input, context))
      while (!(await succeeded(call))) {
        failures++
        await delay(100)
      }
      if (i > 0 && i % 10_000 === 0) say(`${i} taps`)
    }
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
  return failures
}

const succeeded = (call: () => Promise<unknown>): Promise<boolean> =>
  call().then(
    () => true,
    () => false,
  )

/** What readers are shown, until it is right or time is up. */
async function untilExact(origin: Origin, post: Id, expected: number): Promise<{ counted: number; afterMs: number }> {
  const startedAt = performance.now()
  for (;;) {
    const [counts] = await origin.engines.redis.pipeline([['GET', keys.counts(post)]])
    const counted = Number(String(counts ?? '0').split(':')[0])
    const afterMs = Math.round(performance.now() - startedAt)
    if (counted === expected || afterMs > EXACT_WITHIN_MS) return { counted, afterMs }
    await delay(50)
  }
}

const context: RequestContext = {
  requestId: 'bench',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  logger: createLogger({ level: 'silent' }),
}
