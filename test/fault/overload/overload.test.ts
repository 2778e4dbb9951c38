/**
 * Twice as many feeds as can be made: what can be made is made, in time; the rest is refused at once with a time to come again;
 * and it is over when the load is. Redis-server, the gateway and the api Worker (plain workerd, the bundle that is deployed) on
 * this machine, the load from a process of its own. How much can be made is measured a moment before, and once more afterwards.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { EDGE_PATIENCE_MS } from '#core/patience.ts'
import { cpuDuring } from '../../../bench/cpu.ts'
import { syntheticGraph } from '../../../bench/feed/graph.ts'
import { type Seeded, seedRedis } from '../../../bench/feed/seed.ts'
import { type Backing, settings, signReaders, startBacking, startFeed } from '../../../bench/feed/serving.ts'
import { buildBundle } from '../../../bench/feed/workerd.ts'
import type { LoadRequest } from '../../../bench/load.ts'
import type { Running } from '../../../bench/processes.ts'
import { findRedisServer } from '../../../origin/embedded/redis-server.ts'
import { ensureSecrets } from '../../../origin/secrets.ts'
import { type Generator, type Outcome, outcome, startGenerator } from './load.ts'

/** What a reader may wait (issue: accepted p99 below 200 ms); the Worker's own budget. */
const IN_TIME_MS = 200
const WARM_UP_MS = 4_000
const SATURATION_MS = 5_000
/** Enough to keep every core busy, few enough to wait for little. */
const AT_ONCE = 24
const OVERLOAD_MS = 9_000
/** The limit finds itself: what was let in before that is slow. Not counted. */
const SETTLING_MS = 1_000
const RECOVERY_MS = 5_000
/** And it stays so. */
const AFTERWARDS_MS = 2_000
const WINDOW_MS = 500
/** 5 alone on two cores. A generator that gets its core later than so, once in a hundred times, may have measured the machine. */
const LAG_MS = 20
/** Of one core, what has no part in it took: more may have measured the machine, too. */
const FOREIGN_SHARE = 0.25
const ATTEMPTS = 3
/** What a setup must show under twice the load. */
interface Setup {
  held: string
  asked: string
  vars: Record<string, string>
  /** Of the feeds that can be made. */
  goodShare: number
  acceptedP99Ms: number
  refusedP99Ms: number
  /** Windows after the load that may be bad before they are good for good. */
  stalls: number
}

/** Both at the deployed times. The criterion (issue: 70 %, 200 ms, normal within 5 s) is the first one's; the second is seen with --full. */
const SETUPS: readonly Setup[] = [
  // What an isolate holds where there are many people.
  {
    held: 'a tenth of the posts',
    asked: '70 % of the feeds that it can make, 99 % in 200 ms, and all of them within 5 s after the load',
    vars: { POST_CACHE_BYTES: '1000000' },
    goodShare: 0.7,
    acceptedP99Ms: IN_TIME_MS,
    refusedP99Ms: IN_TIME_MS,
    stalls: 0,
  },
  // A feed costs so little here that refusing the rest takes a seventh of the core or more; and an isolate with so much in it
  // stands still for some tenths of a second now and then.
  {
    held: 'all posts',
    asked: '60 % of the feeds that it can make, 99 % in 300 ms, and all but half a second of them 5 s after the load',
    vars: {},
    goodShare: 0.6,
    acceptedP99Ms: 300,
    refusedP99Ms: 500,
    stalls: 1,
  },
]
const TRIED = process.env.FAULT_PROFILE === 'cluster' ? SETUPS : SETUPS.slice(0, 1)
/** Feeds that Redis answered too late, and that Postgres must make where there is one: here they are lost. */
const LOST_SHARE = 0.01

const isThere = findRedisServer(process.env.PATH ?? '') !== null
const ABSENT = isThere ? '' : ' (skipped: no redis-server on the PATH)'
const directory = mkdtempSync(join(tmpdir(), 'tideline-overload-'))
const running: Running[] = []
/** What all setups stand on. */
interface Stage {
  backing: Backing
  readers: LoadRequest[]
  vars: Record<string, string>
}
let stage: Stage | null = null

beforeAll(async () => {
  if (!isThere) return
  const secrets = ensureSecrets(directory, {}, false)
  await buildBundle(directory)
  let seeded: Seeded = { people: [], postedAtMs: [] }
  const backing = await startBacking(directory, 'redis', running, async (redis) => {
    seeded = await seedRedis(redis, syntheticGraph(), Date.now())
  })
  const { readers, jwks } = await signReaders(seeded.people)
  const deployed = {
    FEED_BUDGET_MS: String(IN_TIME_MS),
    REDIS_TIMEOUT_MS: String(EDGE_PATIENCE_MS.redis),
    ACCESS_LOG: 'faults',
  }
  stage = { backing, readers, vars: { ...settings(backing.gatewayUrl, secrets, jwks), ...deployed } }
})
afterAll(async () => {
  for (const process of running.reverse()) await process.stop()
  rmSync(directory, { recursive: true, force: true })
})

/** One isolate, and what asks it. */
interface Asked {
  generator: Generator
  pids: Record<string, number>
  stop(): Promise<void>
}

async function startAsking({ backing, readers, vars }: Stage, more: Record<string, string>): Promise<Asked> {
  const place = { directory, name: 'overload', vars: { ...vars, ...more } }
  const { url, pids, stop } = await startFeed(place, backing, running)
  const feeds = readers.map(({ path, headers }) => ({ path, token: (headers?.authorization ?? '').slice(7) }))
  let body = ''
  // The first pages of an isolate are the slowest: on a busy machine more so than a reader may wait.
  const openFeed = async () => {
    const page = await fetch(url + feeds[0]?.path, { headers: { authorization: `Bearer ${feeds[0]?.token}` } })
    body = await page.text()
    return (JSON.parse(body) as { items?: unknown[] }).items
  }
  await expect.poll(openFeed, { timeout: 30_000 }).toHaveLength(50)
  const fewestBytes = Math.floor(body.length * 0.8)
  const port = Number(new URL(url).port)
  const generator = await startGenerator({ feeds, other: '/v1/trending/hashtags', port, fewestBytes })
  return {
    generator,
    pids,
    async stop() {
      generator.stop()
      await stop()
    },
  }
}

interface Figures {
  /** Before the load, by which that is set, and after it: what the machine gives changes from one to the other. */
  saturationPerSecond: number
  saturationAfterwards: number
  feeds: Outcome
  others: Outcome
  /** Milliseconds of CPU that each process used under overload. */
  cpu: Record<string, number>
  /** Of one core, what was used meanwhile by what has no part in it. */
  foreignShare: number
  /** Milliseconds after the load until every window of requests was served whole and in time: the ends of those that were not. */
  notNormalMs: number[]
}

async function saturation({ generator }: Asked): Promise<number> {
  await generator.run({ kind: 'closed', atOnce: AT_ONCE, ms: WARM_UP_MS })
  const answers = await generator.run({ kind: 'closed', atOnce: AT_ONCE, ms: SATURATION_MS })
  return Math.round(answers.filter(({ isWhole }) => isWhole).length / (SATURATION_MS / 1_000))
}

/** A third of what can be made, and whether it is: the ends of the windows that were not served whole and in time. */
async function notNormal({ generator }: Asked, perSecond: number): Promise<number[]> {
  const others = Math.max(2, Math.round(perSecond / 10))
  const answers = await generator.run({ kind: 'open', feeds: perSecond, others, ms: RECOVERY_MS + AFTERWARDS_MS })
  const ends: number[] = []
  for (let fromMs = 0; fromMs < RECOVERY_MS + AFTERWARDS_MS; fromMs += WINDOW_MS) {
    const window = answers.filter(({ atMs }) => atMs >= fromMs && atMs < fromMs + WINDOW_MS)
    const good = window.filter(({ isWhole, ms }) => isWhole && ms <= IN_TIME_MS)
    if (good.length < 0.99 * window.length) ends.push(fromMs + WINDOW_MS)
  }
  return ends
}

/** One measurement. */
async function overload(asked: Asked): Promise<Figures> {
  const saturationPerSecond = await saturation(asked)
  const others = Math.round(saturationPerSecond / 20)
  const job = { kind: 'open' as const, feeds: 2 * saturationPerSecond, others, ms: OVERLOAD_MS }
  // All that takes part was started by this process, and is counted with it.
  const pids = { ...asked.pids, generator: asked.generator.pid, all: process.pid }
  const [usedMs, startedMs] = [coresUsedMs(), performance.now()]
  const { result: all, cpu } = await cpuDuring(pids, () => asked.generator.run(job))
  const foreignMs = coresUsedMs() - usedMs - (cpu.all ?? 0)
  const foreignShare = Math.round((100 * foreignMs) / (performance.now() - startedMs)) / 100
  const answers = all.filter(({ atMs }) => atMs >= SETTLING_MS)
  const notNormalMs = await notNormal(asked, Math.round(saturationPerSecond / 3))
  const saturationAfterwards = await saturation(asked)
  const told = (what: 'feed' | 'other') =>
    outcome(
      answers.filter((answer) => answer.what === what),
      { fromMs: SETTLING_MS, toMs: OVERLOAD_MS, inTimeMs: IN_TIME_MS },
    )
  const figures = { saturationPerSecond, saturationAfterwards, feeds: told('feed'), others: told('other') }
  return { ...figures, cpu, foreignShare, notNormalMs }
}

/** Milliseconds that the machine's cores have worked, for whomever. */
const coresUsedMs = () => cpus().reduce((sum, { times: { user, nice, sys, irq } }) => sum + user + nice + sys + irq, 0)

const isVoid = ({ feeds, foreignShare }: Figures) => feeds.lagP99Ms >= LAG_MS || foreignShare >= FOREIGN_SHARE

/**
 * Right figures are right, whoever else was there. Wrong ones tell nothing where others had the machine: then once more.
 * @throws AssertionError when they were wrong on a quiet machine, or each time
 */
async function expectServedOnce(asked: Asked, setup: Setup): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const figures = await overload(asked)
    const shaken = isVoid(figures) ? ', while others used the machine' : ''
    const said = `attempt ${attempt}, with ${setup.held} in the isolate${shaken}: ${JSON.stringify(figures, null, 2)}`
    console.log(said)
    try {
      return expectServed(figures, setup, said)
    } catch (error) {
      if (shaken === '' || attempt === ATTEMPTS) throw error
    }
  }
}

function expectServed(figures: Figures, setup: Setup, said: string): void {
  const { saturationPerSecond, saturationAfterwards } = figures
  const mean = (saturationPerSecond + saturationAfterwards) / 2
  // It was twice the load, and too much: else nothing was shown.
  expect(figures.feeds.sentPerSecond, said).toBeGreaterThan(1.9 * saturationPerSecond)
  expect(figures.feeds.refusedShare, said).toBeGreaterThan(0.1)
  expect(figures.feeds.goodPerSecond, said).toBeGreaterThanOrEqual(setup.goodShare * mean)
  expect(figures.feeds.acceptedP99Ms, said).toBeLessThan(setup.acceptedP99Ms)
  // Pages that are shown again, or made of what was there in time, are few; next to nothing else is answered.
  expect(figures.feeds.degradedShare, said).toBeLessThanOrEqual(0.05)
  const { 500: lost = 0, ...strange } = figures.feeds.strange
  const seconds = (OVERLOAD_MS - SETTLING_MS) / 1_000
  expect(lost, said).toBeLessThanOrEqual(LOST_SHARE * saturationPerSecond * seconds)
  expect(strange, said).toEqual({})
  expect(figures.others.strange, said).toEqual({})
  expect(figures.feeds.refusedP99Ms, said).toBeLessThan(setup.refusedP99Ms)
  // The feed before everything else.
  expect(figures.others.refusedShare, said).toBeGreaterThanOrEqual(figures.feeds.refusedShare)
  const late = figures.notNormalMs.filter((endMs) => endMs > RECOVERY_MS)
  expect(late.length, said).toBeLessThanOrEqual(setup.stalls)
}

for (const setup of TRIED) {
  it.skipIf(!isThere)(
    `at twice the load an isolate with ${setup.held} makes ${setup.asked}, and refuses the rest at once${ABSENT}`,
    { timeout: 200_000 },
    async () => {
      if (stage === null) throw new Error('nothing was started')
      const asked = await startAsking(stage, setup.vars)
      try {
        await expectServedOnce(asked, setup)
      } finally {
        await asked.stop()
      }
    },
  )
}
