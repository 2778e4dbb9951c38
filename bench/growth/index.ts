/**
 * `npm run bench -- growth`: what a feed costs when a thousand posts are in the system, and when a million are. Readers and
 * follows stay the same. The sizes stand side by side, each with a redis-server of its own, and are measured in turn.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureSecrets, type Secrets } from '../../origin/secrets.ts'
import { type Bench, type BenchOptions, type Figures, failuresIn, unlessVoid } from '../bench.ts'
import {
  type Backing,
  describe,
  itemsOf,
  type Measured,
  measured,
  round,
  settings,
  signReaders,
  startBacking,
  startFeed,
} from '../feed/serving.ts'
import { buildBundle } from '../feed/workerd.ts'
import { type LoadRequest, load } from '../load.ts'
import { median } from '../median.ts'
import type { Running } from '../processes.ts'
import { seededRandom } from '../random.ts'
import { seedPosts } from './seed.ts'
import { growthWorld, type World } from './world.ts'

const SIZES = [1_000, 10_000, 100_000, 1_000_000]
/** The median of five: each size is measured in each round, so that what else happens on the machine meets all of them. */
const ROUNDS = 5
const WARM_UP_SECONDS = 4

interface Stage {
  directory: string
  running: Running[]
  secrets: Secrets
  world: World
  readers: LoadRequest[]
  jwks: string
}

interface Feed {
  url: string
  pids: Record<string, number>
}

/** One number of posts: the api Worker with the post cache on and off, on the same Redis and gateway. */
interface Size {
  posts: number
  itemsPerPage: number
  off: Feed
  on: Feed
}

export const growthBench: Bench = async (options) => {
  const directory = mkdtempSync(join(tmpdir(), 'tideline-bench-'))
  const running: Running[] = []
  try {
    options.say('building the bundle')
    await buildBundle(directory)
    const world = growthWorld(Date.now())
    const signed = await signReaders(world.readers)
    const stage = { directory, running, secrets: ensureSecrets(directory, {}, false), world, ...signed }
    const sizes: Size[] = []
    for (const posts of SIZES) sizes.push(await openSize(stage, posts, options))
    return await measure(stage, sizes, options)
  } finally {
    for (const process of running.reverse()) await process.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function openSize(stage: Stage, posts: number, { say }: BenchOptions): Promise<Size> {
  const { directory, running, world, readers } = stage
  const startedAt = performance.now()
  let seeded = 0
  const backing = await startBacking(directory, `redis-${posts}`, running, async (redis) => {
    seeded = await seedPosts(redis, world, posts, Date.now())
  })
  say(`${seeded} posts seeded in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`)
  const off = await feedOf(stage, backing, `off-${posts}`, { POST_CACHE_BYTES: '0' })
  const on = await feedOf(stage, backing, `on-${posts}`)
  const itemsPerPage = await itemsOf(off.url, readers)
  return { posts: seeded, itemsPerPage, off, on }
}

function feedOf(stage: Stage, backing: Backing, name: string, more: Record<string, string> = {}): Promise<Feed> {
  const vars = { ...settings(backing.gatewayUrl, stage.secrets, stage.jwks), ...more }
  return startFeed({ directory: stage.directory, name, vars }, backing, stage.running)
}

async function measure({ readers }: Stage, sizes: readonly Size[], { seconds, say }: BenchOptions): Promise<Figures> {
  const random = seededRandom(11)
  const pick = () => readers[Math.floor(random() * readers.length)] ?? { path: '/' }
  for (const { off, on } of sizes) {
    await load(off.url, pick, WARM_UP_SECONDS)
    await load(on.url, pick, WARM_UP_SECONDS)
  }
  const runs = sizes.map(() => ({ off: [] as Measured[], on: [] as Measured[] }))
  for (let i = 0; i < ROUNDS; i++) {
    for (const [place, size] of sizes.entries()) {
      for (const cache of ['off', 'on'] as const) {
        const run = await measured(size[cache], pick, seconds / ROUNDS, size.itemsPerPage)
        runs[place]?.[cache].push(run)
        say(`${size.posts} posts, post cache ${cache}: ${describe(run)}`)
      }
    }
  }
  const each = (cache: 'off' | 'on') =>
    runs.map((run) => round(median(run[cache].map(({ cpuMsPerRequest }) => cpuMsPerRequest)), 3))
  const cold = each('off')
  const all = runs.flatMap(({ off, on }) => [...off, ...on])
  const failures = all.reduce((sum, run) => sum + run.failures, 0)
  return {
    posts: sizes.map(({ posts }) => posts),
    ...unlessVoid(failuresIn(failures), {
      cpuMsPerRequest: cold,
      warmCpuMsPerRequest: each('on'),
      // Largest over smallest: 1.2 is twenty per cent.
      spread: round(Math.max(...cold) / Math.min(...cold), 3),
      cpuByProcess: runs.map(({ off }) => off.at(-1)?.cpuByProcess ?? null),
      warmCpuByProcess: runs.map(({ on }) => on.at(-1)?.cpuByProcess ?? null),
    }),
    itemsPerPage: sizes.map(({ itemsPerPage }) => itemsPerPage),
    failures,
  }
}
