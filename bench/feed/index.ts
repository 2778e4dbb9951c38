/**
 * `npm run bench -- feed`: what a personalised feed costs, over all processes that take part in it. Rules, counts,
 * likes, impressions, recommended and sponsored candidates are on, and so is the access log; pages have 50 ranked items;
 * readers are drawn at random, all warm. CPU is the kernel's account of workerd, gateway and redis-server; the load
 * generator is not in it.
 */

import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SignJWT } from 'jose'
import type { Id } from '#core/ids.ts'
import { ACCESS_TOKEN_SECONDS, TOKEN_ALGORITHM, TOKEN_AUDIENCE, TOKEN_ISSUER } from '#core/tokens.ts'
import { findRedisServer } from '../../origin/embedded/redis-server.ts'
import { createRedisPort } from '../../origin/redis/index.ts'
import { ensureSecrets, type Secrets } from '../../origin/secrets.ts'
import type { Bench, BenchOptions, Figures } from '../bench.ts'
import { cpuDuring } from '../cpu.ts'
import { type LoadRequest, type LoadResult, load } from '../load.ts'
import { freePort, type Running, startProcess, untilAnswers } from '../processes.ts'
import { seededRandom } from '../random.ts'
import { type Graph, readEdgeList, syntheticGraph } from './graph.ts'
import { type Seeded, seedRedis } from './seed.ts'
import { buildBundle, startWorker } from './workerd.ts'

const PAGE = 50
/** Each reader once, so that the isolate holds what readers read. */
const WARM_UP_SECONDS = 4

interface Measured extends LoadResult {
  cpuMsPerRequest: number
  cpuByProcess: Record<string, number>
}

/** What all runs stand on: a seeded redis-server, the gateway before it, readers with tokens, and the Worker's bundle. */
interface Stage {
  directory: string
  running: Running[]
  redis: Running
  gateway: Running
  /** The Worker's settings. */
  vars: Record<string, string>
  readers: LoadRequest[]
  people: number
  posts: number
}

export const feedBench: Bench = async (options) => {
  const directory = mkdtempSync(join(tmpdir(), 'tideline-bench-'))
  const running: Running[] = []
  try {
    return await measure(await setStage(directory, running, options), options)
  } finally {
    for (const process of running.reverse()) await process.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function setStage(directory: string, running: Running[], { data, say }: BenchOptions): Promise<Stage> {
  const server = findRedisServer(process.env.PATH ?? '')
  if (server === null) throw new Error('The feed bench needs redis-server or valkey-server on the PATH.')
  say('building the bundle')
  const secrets = ensureSecrets(directory, {}, false)
  await buildBundle(directory)

  const redisPort = await freePort()
  const redisUrl = `redis://127.0.0.1:${redisPort}`
  const redis = startProcess(server, [
    ...['--port', String(redisPort), '--bind', '127.0.0.1', '--dir', directory],
    ...['--save', '', '--appendonly', 'no'],
  ])
  running.push(redis)
  const graph = data === null ? syntheticGraph() : readEdgeList(data)
  say(`seeding ${graph.people} people`)
  const seeded = await seed(redisUrl, graph)

  const gatewayPort = await freePort()
  const gateway = startProcess(process.execPath, [new URL('gateway.ts', import.meta.url).pathname], {
    STATE_DIR: directory,
    REDIS_URL: redisUrl,
    // Nothing in this bench misses Redis: a query would fail the run.
    DATABASE_URLS: 'postgres://nobody@127.0.0.1:9/none',
    GATEWAY_PORT: String(gatewayPort),
  })
  running.push(gateway)
  const gatewayUrl = `http://127.0.0.1:${gatewayPort}`
  await untilAnswers(`${gatewayUrl}/health`)

  const { readers, jwks } = await signReaders(seeded.people)
  const vars = settings(gatewayUrl, secrets, jwks)
  return { directory, running, redis, gateway, vars, readers, people: graph.people, posts: seeded.posts }
}

async function seed(redisUrl: string, graph: Graph): Promise<Seeded> {
  const redis = createRedisPort(redisUrl)
  await redis.ready()
  const seeded = await seedRedis(redis, graph, Date.now())
  await redis.close()
  return seeded
}

function settings(gatewayUrl: string, secrets: Secrets, jwks: string): Record<string, string> {
  return {
    REDIS_REST_URL: gatewayUrl,
    REDIS_REST_TOKEN: secrets.REDIS_REST_TOKEN,
    DATABASE_HTTP_URL: `${gatewayUrl}/sql`,
    DATABASE_URL: 'postgres://tideline:none@db.bench/tideline',
    ORIGIN_URL: 'http://127.0.0.1:9',
    SERVICE_TOKEN: secrets.SERVICE_TOKEN,
    IMAGE_SIGNING_KEYS: `bench:${secrets.SERVICE_TOKEN}`,
    JWT_PUBLIC_JWKS: jwks,
    CORS_ORIGINS: '',
    REDIS_TIMEOUT_MS: '2000',
    // A line a request, as wrangler.toml has it in production.
    ACCESS_LOG: 'all',
  }
}

async function measure(stage: Stage, { seconds, say }: BenchOptions): Promise<Figures> {
  const helloRps = await helloWorld(stage, Math.min(5, seconds))
  say(`hello world: ${Math.round(helloRps)} requests a second`)

  const random = seededRandom(11)
  const oneOf = (requests: readonly LoadRequest[]) => (): LoadRequest =>
    requests[Math.floor(random() * requests.length)] ?? { path: '/' }

  const warm = await startFeed(stage, 'warm')
  const items = await itemsOf(warm.url, stage.readers)
  await load(warm.url, oneOf(stage.readers), WARM_UP_SECONDS)
  const warmRun = await measured(warm.url, oneOf(stage.readers), seconds, warm.pids)
  say(`warm: ${describe(warmRun)}`)
  const conditional = oneOf(await withTags(warm.url, stage.readers))
  const notModified = await measured(warm.url, conditional, Math.min(5, seconds), warm.pids)
  say(`not modified: ${describe(notModified)}`)
  await warm.stop()

  const cold = await startFeed(stage, 'cold', { POST_CACHE_BYTES: '0' })
  await load(cold.url, oneOf(stage.readers), WARM_UP_SECONDS)
  const coldRun = await measured(cold.url, oneOf(stage.readers), seconds, cold.pids)
  say(`post cache off: ${describe(coldRun)}`)

  return {
    people: stage.people,
    posts: stage.posts,
    itemsPerPage: items,
    rps: round(warmRun.rps),
    p50Ms: warmRun.p50Ms,
    p99Ms: warmRun.p99Ms,
    cpuMsPerRequest: warmRun.cpuMsPerRequest,
    cpuByProcess: warmRun.cpuByProcess,
    coldCpuMsPerRequest: coldRun.cpuMsPerRequest,
    coldCpuByProcess: coldRun.cpuByProcess,
    notModifiedCpuMs: notModified.cpuMsPerRequest,
    helloRps: round(helloRps),
    failures: warmRun.failures + coldRun.failures + notModified.failures,
  }
}

/** Requests a second of a Worker that does nothing: what this machine's workerd can do at most. */
async function helloWorld({ directory, running }: Stage, seconds: number): Promise<number> {
  const port = await freePort()
  const hello = await startWorker({ directory, name: 'hello', port })
  running.push(hello)
  const { rps } = await load(`http://127.0.0.1:${port}`, () => ({ path: '/' }), seconds)
  await hello.stop()
  return rps
}

/** The api Worker in a workerd of its own, with the processes whose CPU its requests cost. */
async function startFeed(stage: Stage, name: string, vars: Record<string, string> = {}) {
  const port = await freePort()
  const worker = await startWorker({
    directory: stage.directory,
    name,
    port,
    script: 'index.js',
    vars: { ...stage.vars, ...vars },
  })
  stage.running.push(worker)
  const pids = { workerd: worker.pid, gateway: stage.gateway.pid, redis: stage.redis.pid }
  return { url: `http://127.0.0.1:${port}`, pids, stop: () => worker.stop() }
}

async function measured(
  url: string,
  pick: () => LoadRequest,
  seconds: number,
  pids: Record<string, number>,
): Promise<Measured> {
  await delay(200)
  const { result, cpu } = await cpuDuring(pids, () => load(url, pick, seconds))
  const perRequest = Object.fromEntries(Object.entries(cpu).map(([name, ms]) => [name, round(ms / result.requests, 3)]))
  const total = Object.values(cpu).reduce((sum, ms) => sum + ms, 0)
  return { ...result, cpuByProcess: perRequest, cpuMsPerRequest: round(total / result.requests, 3) }
}

const round = (value: number, digits = 1) => Number(value.toFixed(digits))
const describe = (run: Measured) =>
  `${Math.round(run.rps)} a second, ${run.cpuMsPerRequest} ms of CPU each ${JSON.stringify(run.cpuByProcess)}, p99 ${run.p99Ms} ms, ${run.failures} failures`

/** A request for each reader, with an access token as the origin signs them. */
async function signReaders(people: readonly Id[]): Promise<{ readers: LoadRequest[]; jwks: string }> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const now = Math.floor(Date.now() / 1000)
  const readers = await Promise.all(
    people.map(async (id, i) => {
      const token = await new SignJWT({ name: `person${i}`, sid: `bench-${i}` })
        .setProtectedHeader({ alg: TOKEN_ALGORITHM, kid: 'bench' })
        .setSubject(id)
        .setIssuer(TOKEN_ISSUER)
        .setAudience(TOKEN_AUDIENCE)
        .setIssuedAt(now)
        .setExpirationTime(now + ACCESS_TOKEN_SECONDS)
        .sign(privateKey)
      return { path: `/v1/feed?limit=${PAGE}`, headers: { authorization: `Bearer ${token}` } }
    }),
  )
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'bench', alg: TOKEN_ALGORITHM, use: 'sig' }
  return { readers, jwks: JSON.stringify({ keys: [jwk] }) }
}

/** Looks at a few pages: a bench of errors or of empty pages would be fast. Answers the items of a whole page. */
async function itemsOf(url: string, readers: readonly LoadRequest[]): Promise<number> {
  let most = 0
  for (const { path, headers } of readers.slice(0, 20)) {
    const answer = await fetch(url + path, { headers: headers ?? {} })
    const body = (await answer.json()) as { items?: { reason: string }[] }
    if (!answer.ok || body.items === undefined)
      throw new Error(`a feed answered ${answer.status}: ${JSON.stringify(body)}`)
    if (answer.headers.has('tideline-degraded')) throw new Error('a feed was degraded')
    most = Math.max(most, body.items.length)
  }
  return most
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
