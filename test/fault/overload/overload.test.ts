/**
 * Twice as many feeds as can be made: what can be made is made, in time; the rest is refused at once with a time to come again;
 * and it is over when the load is. Redis-server, the gateway and the api Worker (plain workerd, the bundle that is deployed) on
 * this machine, the load from a process of its own. How much can be made is measured first, a moment before.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { cpuDuring } from '../../../bench/cpu.ts'
import { syntheticGraph } from '../../../bench/feed/graph.ts'
import { type Seeded, seedRedis } from '../../../bench/feed/seed.ts'
import { settings, signReaders, startBacking, startFeed } from '../../../bench/feed/serving.ts'
import { buildBundle } from '../../../bench/feed/workerd.ts'
import type { Running } from '../../../bench/processes.ts'
import { findRedisServer } from '../../../origin/embedded/redis-server.ts'
import { ensureSecrets } from '../../../origin/secrets.ts'
import { type Generator, type Outcome, outcome, startGenerator } from './load.ts'

/** What a reader may wait (issue: accepted p99 below 200 ms); the Worker's own budget. */
const IN_TIME_MS = 200
const WARM_UP_MS = 5_000
const SATURATION_MS = 6_000
/** Enough to keep every core busy, few enough to wait for little. */
const AT_ONCE = 24
const OVERLOAD_MS = 10_000
/** The limit finds itself: what was let in before that is slow. Not counted. */
const SETTLING_MS = 1_000
const RECOVERY_MS = 5_000
/** And it stays so. */
const AFTERWARDS_MS = 2_000
const WINDOW_MS = 500
/** 5 alone on two cores. A generator that gets its core later than so, once in a hundred times, has measured the machine: void. */
const LAG_MS = 20
const ATTEMPTS = 3
/** What test/fault/overload shows, and what it does not: with all posts in the isolate the deployed settings are slower (ARCHITECTURE.md). */
const SETUP = 'a tenth of the posts in the isolate, a second for Redis'

const isThere = findRedisServer(process.env.PATH ?? '') !== null
const ABSENT = isThere ? '' : ' (skipped: no redis-server on the PATH)'
const directory = mkdtempSync(join(tmpdir(), 'tideline-overload-'))
const running: Running[] = []
let generator: Generator
let pids: Record<string, number> = {}

beforeAll(async () => {
  if (!isThere) return
  const secrets = ensureSecrets(directory, {}, false)
  await buildBundle(directory)
  let seeded: Seeded = { people: [], postedAtMs: [] }
  const backing = await startBacking(directory, 'redis', running, async (redis) => {
    seeded = await seedRedis(redis, syntheticGraph(), Date.now())
  })
  const { readers, jwks } = await signReaders(seeded.people)
  const tuned = {
    FEED_BUDGET_MS: String(IN_TIME_MS),
    // Not 50 ms, as deployed: on two cores that everything shares, what is waited for is a core, not Redis.
    REDIS_TIMEOUT_MS: '1000',
    ACCESS_LOG: 'faults',
    // About a tenth of the posts: what an isolate holds where there are many people.
    POST_CACHE_BYTES: '1000000',
  }
  const vars = { ...settings(backing.gatewayUrl, secrets, jwks), ...tuned }
  const feed = await startFeed({ directory, name: 'overload', vars }, backing, running)
  const { url } = feed
  pids = feed.pids
  const feeds = readers.map(({ path, headers }) => ({ path, token: (headers?.authorization ?? '').slice(7) }))
  const page = await fetch(url + feeds[0]?.path, { headers: { authorization: `Bearer ${feeds[0]?.token}` } })
  const body = await page.text()
  expect((JSON.parse(body) as { items: unknown[] }).items).toHaveLength(50)
  const fewestBytes = Math.floor(body.length * 0.8)
  generator = await startGenerator({
    feeds,
    other: '/v1/trending/hashtags',
    port: Number(new URL(url).port),
    fewestBytes,
  })
})
afterAll(async () => {
  generator?.stop()
  for (const process of running.reverse()) await process.stop()
  rmSync(directory, { recursive: true, force: true })
})

interface Figures {
  saturationPerSecond: number
  feeds: Outcome
  others: Outcome
  /** Milliseconds of CPU that each process used under overload. */
  cpu: Record<string, number>
  /** Milliseconds after the load until every window of requests was served whole and in time; null: they were not. */
  normalAfterMs: number | null
}

async function saturation(): Promise<number> {
  await generator.run({ kind: 'closed', atOnce: AT_ONCE, ms: WARM_UP_MS })
  const answers = await generator.run({ kind: 'closed', atOnce: AT_ONCE, ms: SATURATION_MS })
  return Math.round(answers.filter(({ isWhole }) => isWhole).length / (SATURATION_MS / 1_000))
}

/** A third of what can be made, and whether it is: the beginning of the window from which on all are; null if that is too late. */
async function untilNormal(perSecond: number): Promise<number | null> {
  const others = Math.max(2, Math.round(perSecond / 10))
  const answers = await generator.run({ kind: 'open', feeds: perSecond, others, ms: RECOVERY_MS + AFTERWARDS_MS })
  let normalAfterMs = 0
  for (let fromMs = 0; fromMs < RECOVERY_MS + AFTERWARDS_MS; fromMs += WINDOW_MS) {
    const window = answers.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + WINDOW_MS)
    const good = window.filter(({ isWhole, ms }) => isWhole && ms <= IN_TIME_MS)
    if (good.length < 0.99 * window.length) normalAfterMs = fromMs + WINDOW_MS
  }
  return normalAfterMs <= RECOVERY_MS ? normalAfterMs : null
}

/** One measurement. */
async function overload(): Promise<Figures> {
  const saturationPerSecond = await saturation()
  const others = Math.round(saturationPerSecond / 20)
  const job = { kind: 'open' as const, feeds: 2 * saturationPerSecond, others, ms: OVERLOAD_MS }
  const { result: all, cpu } = await cpuDuring(pids, () => generator.run(job))
  const answers = all.filter(({ atMs }) => atMs >= SETTLING_MS)
  const normalAfterMs = await untilNormal(Math.round(saturationPerSecond / 3))
  const told = (what: 'feed' | 'other') =>
    outcome(
      answers.filter((answer) => answer.what === what),
      { fromMs: SETTLING_MS, toMs: OVERLOAD_MS, inTimeMs: IN_TIME_MS },
    )
  return { saturationPerSecond, feeds: told('feed'), others: told('other'), cpu, normalAfterMs }
}

/** One whose generator kept its pace. @throws Error when it never did */
async function validOverload(): Promise<Figures> {
  for (let attempt = 1; ; attempt++) {
    const figures = await overload()
    const said = JSON.stringify(figures, null, 2)
    console.log(`With ${SETUP}: ${said}`)
    if (figures.feeds.lagP99Ms < LAG_MS) return figures
    if (attempt === ATTEMPTS) throw new Error(`void: this machine is too busy to send as planned: ${said}`)
  }
}

it.skipIf(!isThere)(
  `makes at twice the load at least 70 % of the feeds that it can make, in time, and refuses the rest at once (${SETUP})${ABSENT}`,
  // Others on the machine can make it look worse, never better: what they took a core from is measured anew.
  { retry: 1, timeout: 200_000 },
  async () => {
    const figures = await validOverload()
    const { saturationPerSecond } = figures
    const said = JSON.stringify(figures, null, 2)

    // It was twice the load, and too much: else nothing was shown.
    expect(figures.feeds.sentPerSecond, said).toBeGreaterThan(1.9 * saturationPerSecond)
    expect(figures.feeds.refusedShare, said).toBeGreaterThan(0.1)
    expect(figures.feeds.goodPerSecond, said).toBeGreaterThanOrEqual(0.7 * saturationPerSecond)
    expect(figures.feeds.acceptedP99Ms, said).toBeLessThan(IN_TIME_MS)
    // Pages that are shown again, or made of what was there in time, are few; nothing else is answered.
    expect(figures.feeds.degradedShare, said).toBeLessThanOrEqual(0.05)
    expect(figures.feeds.strange, said).toEqual({})
    expect(figures.others.strange, said).toEqual({})
    expect(figures.feeds.refusedP99Ms, said).toBeLessThan(IN_TIME_MS)
    // The feed before everything else.
    expect(figures.others.refusedShare, said).toBeGreaterThanOrEqual(figures.feeds.refusedShare)
    expect(figures.normalAfterMs, said).not.toBeNull()
  },
)
