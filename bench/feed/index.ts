/**
 * `npm run bench -- feed`: what a personalised feed costs, over all processes that take part in it. Rules, counts,
 * likes, impressions, recommended and sponsored candidates are on, and so is the access log; pages have 50 ranked items;
 * readers are drawn at random, all warm. CPU is the kernel's account of workerd, gateway and redis-server; the load
 * generator is not in it.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { feedPost } from '#core/feed/index.ts'
import { firstIdAt } from '#core/ids.ts'
import { ensureSecrets } from '../../origin/secrets.ts'
import { PostCache } from '../../workers/api/feed/post-cache.ts'
import { type Bench, type BenchOptions, failuresIn, unlessVoid } from '../bench.ts'
import { type LoadRequest, load } from '../load.ts'
import { comparePeer, peerNamed } from '../peers/index.ts'
import type { SamePeople } from '../peers/peer.ts'
import type { Running } from '../processes.ts'
import { seededRandom } from '../random.ts'
import { readEdgeList, syntheticGraph } from './graph.ts'
import { EVERY_POST, personOf, recordOf, type Seeded, seedRedis } from './seed.ts'
import {
  type Backing,
  describe,
  helloWorld,
  itemsOf,
  measured,
  PAGE,
  round,
  settings,
  signReaders,
  startBacking,
  startFeed,
} from './serving.ts'
import { buildBundle } from './workerd.ts'

/** Each reader once, so that the isolate holds what readers read. */
const WARM_UP_SECONDS = 4

/** What all runs stand on: a seeded redis-server, the gateway before it, readers with tokens, and the Worker's bundle. */
interface Stage {
  directory: string
  running: Running[]
  backing: Backing
  /** The Worker's settings. */
  vars: Record<string, string>
  readers: LoadRequest[]
  seeded: SamePeople
}

export const feedBench: Bench = async (options) => {
  const peer = options.peer === null ? null : peerNamed(options.peer)
  const directory = mkdtempSync(join(tmpdir(), 'tideline-bench-'))
  const running: Running[] = []
  try {
    const stage = await setStage(directory, running, options)
    const ours = await measure(stage, options)
    if (peer === null) return ours
    return { ...ours, ...(await comparePeer(peer, { people: stage.seeded, page: PAGE, say: options.say }, ours)) }
  } finally {
    for (const process of running.reverse()) await process.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function setStage(directory: string, running: Running[], { data, say }: BenchOptions): Promise<Stage> {
  say('building the bundle')
  const secrets = ensureSecrets(directory, {}, false)
  await buildBundle(directory)
  const graph = data === null ? syntheticGraph() : readEdgeList(data)
  say(`seeding ${graph.people} people`)
  let seeded: Seeded = { people: [], postedAtMs: [] }
  const backing = await startBacking(directory, 'redis', running, async (redis) => {
    seeded = await seedRedis(redis, graph, Date.now())
  })
  const { readers, jwks } = await signReaders(seeded.people)
  const vars = settings(backing.gatewayUrl, secrets, jwks)
  const { postedAtMs } = seeded
  return { directory, running, backing, vars, readers, seeded: { graph, postedAtMs, post: EVERY_POST } }
}

async function measure(stage: Stage, { seconds, say }: BenchOptions) {
  const helloRps = await helloWorld(stage.directory, Math.min(5, seconds))
  say(`hello world: ${Math.round(helloRps)} requests a second`)

  const random = seededRandom(11)
  const oneOf = (requests: readonly LoadRequest[]) => (): LoadRequest =>
    requests[Math.floor(random() * requests.length)] ?? { path: '/' }

  const warm = await feedOf(stage, 'warm')
  const items = await itemsOf(warm.url, stage.readers)
  await load(warm.url, oneOf(stage.readers), WARM_UP_SECONDS)
  const warmRun = await measured(warm, oneOf(stage.readers), seconds, items)
  say(`warm: ${describe(warmRun)}`)
  const conditional = oneOf(await withTags(warm.url, stage.readers))
  const notModified = await measured(warm, conditional, Math.min(5, seconds), items)
  say(`not modified: ${describe(notModified)}`)
  await warm.stop()

  const cold = await feedOf(stage, 'cold', { POST_CACHE_BYTES: '0' })
  await load(cold.url, oneOf(stage.readers), WARM_UP_SECONDS)
  const coldRun = await measured(cold, oneOf(stage.readers), seconds, items)
  say(`post cache off: ${describe(coldRun)}`)
  await cold.stop()

  const posts = stage.seeded.postedAtMs.flat().length
  const tenth = await feedOf(stage, 'tenth', { POST_CACHE_BYTES: String(cacheBytesOf(posts / 10)) })
  await load(tenth.url, oneOf(stage.readers), WARM_UP_SECONDS)
  const tenthRun = await measured(tenth, oneOf(stage.readers), seconds, items)
  say(`a tenth of the posts fits: ${describe(tenthRun)}`)

  const failures = [warmRun, coldRun, tenthRun, notModified].reduce((sum, run) => sum + run.failures, 0)
  return {
    people: stage.seeded.graph.people,
    posts,
    itemsPerPage: items,
    ...unlessVoid(failuresIn(failures), {
      pageBytes: warmRun.bytes,
      rps: round(warmRun.rps),
      p50Ms: warmRun.p50Ms,
      p99Ms: warmRun.p99Ms,
      cpuMsPerRequest: warmRun.cpuMsPerRequest,
      cpuByProcess: warmRun.cpuByProcess,
      coldCpuMsPerRequest: coldRun.cpuMsPerRequest,
      coldCpuByProcess: coldRun.cpuByProcess,
      tenthCpuMsPerRequest: tenthRun.cpuMsPerRequest,
      tenthCpuByProcess: tenthRun.cpuByProcess,
      notModifiedCpuMs: notModified.cpuMsPerRequest,
      notModifiedShare: round(notModified.notModified / notModified.requests, 4),
    }),
    helloRps: round(helloRps),
    failures,
  }
}

const feedOf = ({ directory, vars, backing, running }: Stage, name: string, more: Record<string, string> = {}) =>
  startFeed({ directory, name, vars: { ...vars, ...more } }, backing, running)

/** Bytes in which an isolate keeps this many of the bench's posts. */
function cacheBytesOf(posts: number): number {
  const [id, userId] = [firstIdAt(Date.now()), firstIdAt(Date.now())]
  const cache = new PostCache(Number.POSITIVE_INFINITY)
  cache.set(feedPost(recordOf({ id, userId }), personOf(userId, 0), { likes: 0, comments: 0 }, ''))
  return Math.round(posts * cache.bytes)
}

/** The same requests, each with the tag of the page it would get. */
async function withTags(url: string, readers: readonly LoadRequest[]): Promise<LoadRequest[]> {
  const tagged: LoadRequest[] = []
  for (const { path, headers } of readers) {
    const answer = await fetch(url + path, { headers: headers ?? {} })
    await answer.arrayBuffer()
    tagged.push({ path, headers: { ...headers, 'if-none-match': answer.headers.get('etag') ?? '' } })
  }
  return tagged
}
