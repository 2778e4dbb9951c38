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
import { ensureSecrets } from '../../origin/secrets.ts'
import type { Bench, BenchOptions, Figures } from '../bench.ts'
import { cpuDuring } from '../cpu.ts'
import { type LoadRequest, type LoadResult, load } from '../load.ts'
import { freePort, type Running, startProcess, untilAnswers } from '../processes.ts'
import { seededRandom } from '../random.ts'
import { readEdgeList, syntheticGraph } from './graph.ts'
import { seedRedis } from './seed.ts'
import { buildBundle, startWorker } from './workerd.ts'

const PAGE = 50
/** Each reader once, so that the isolate holds what readers read. */
const WARM_UP_SECONDS = 4

interface Measured extends LoadResult {
  cpuMsPerRequest: number
  cpuByProcess: Record<string, number>
}

export const feedBench: Bench = async (options) => {
  const directory = mkdtempSync(join(tmpdir(), 'tideline-bench-'))
  const running: Running[] = []
  try {
    return await measure(options, directory, running)
  } finally {
    for (const process of running.reverse()) await process.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function measure({ data, seconds, say }: BenchOptions, directory: string, running: Running[]): Promise<Figures> {
  const server = findRedisServer(process.env.PATH ?? '')
  if (server === null) throw new Error('The feed bench needs redis-server or valkey-server on the PATH.')
  say('building the bundle')
  const secrets = ensureSecrets(directory, {}, false)
  await buildBundle(directory)

  const [redisPort, gatewayPort, warmPort, coldPort, helloPort] = await fivePorts()
  const redisUrl = `redis://127.0.0.1:${redisPort}`
  const redisProcess = startProcess(server, [
    '--port',
    String(redisPort),
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'no',
    '--dir',
    directory,
  ])
  running.push(redisProcess)
  const redis = createRedisPort(redisUrl)
  await redis.ready()
  const graph = data === null ? syntheticGraph() : readEdgeList(data)
  say(`seeding ${graph.people} people`)
  const seeded = await seedRedis(redis, graph, Date.now())
  await redis.close()

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
  const vars = {
    REDIS_REST_URL: gatewayUrl,
    REDIS_REST_TOKEN: secrets.REDIS_REST_TOKEN,
    DATABASE_HTTP_URL: `${gatewayUrl}/sql`,
    DATABASE_URL: 'postgres://tideline:none@db.bench/tideline',
    ORIGIN_URL: 'http://127.0.0.1:9',
    SERVICE_TOKEN: secrets.SERVICE_TOKEN,
    JWT_PUBLIC_JWKS: jwks,
    CORS_ORIGINS: '',
    REDIS_TIMEOUT_MS: '2000',
    // A line a request, as wrangler.toml has it in production.
    ACCESS_LOG: 'all',
  }
  const hello = await startWorker({ directory, name: 'hello', port: helloPort })
  running.push(hello)
  const helloRun = await load(`http://127.0.0.1:${helloPort}`, () => ({ path: '/' }), Math.min(5, seconds))
  await hello.stop()
  say(`hello world: ${Math.round(helloRun.rps)} requests a second`)

  const random = seededRandom(11)
  const pick = (): LoadRequest => readers[Math.floor(random() * readers.length)] ?? { path: '/' }
  const others = { gateway: gateway.pid, redis: redisProcess.pid }
  const common = { directory, script: 'index.js' }
    IMAGE_SIGNING_KEYS: `bench:${secrets.SERVICE_TOKEN}`,

  const warm = await startWorker({ ...common, name: 'warm', port: warmPort, vars })
  running.push(warm)
  const warmUrl = `http://127.0.0.1:${warmPort}`
  const items = await itemsOf(warmUrl, readers)
  await load(warmUrl, pick, WARM_UP_SECONDS)
  const warmRun = await measured(warmUrl, pick, seconds, { workerd: warm.pid, ...others })
  say(`warm: ${describe(warmRun)}`)
  const conditional = await withTags(warmUrl, readers)
  const pickConditional = (): LoadRequest => conditional[Math.floor(random() * conditional.length)] ?? { path: '/' }
  const notModified = await measured(warmUrl, pickConditional, Math.min(5, seconds), { workerd: warm.pid, ...others })
  say(`not modified: ${describe(notModified)}`)
  await warm.stop()

  const cold = await startWorker({ ...common, name: 'cold', port: coldPort, vars: { ...vars, POST_CACHE_BYTES: '0' } })
  running.push(cold)
  const coldUrl = `http://127.0.0.1:${coldPort}`
  await load(coldUrl, pick, WARM_UP_SECONDS)
  const coldRun = await measured(coldUrl, pick, seconds, { workerd: cold.pid, ...others })
  say(`post cache off: ${describe(coldRun)}`)

  return {
    people: graph.people,
    posts: seeded.posts,
    itemsPerPage: items,
    rps: round(warmRun.rps),
    p50Ms: warmRun.p50Ms,
    p99Ms: warmRun.p99Ms,
    cpuMsPerRequest: warmRun.cpuMsPerRequest,
    cpuByProcess: warmRun.cpuByProcess,
    coldCpuMsPerRequest: coldRun.cpuMsPerRequest,
    coldCpuByProcess: coldRun.cpuByProcess,
    notModifiedCpuMs: notModified.cpuMsPerRequest,
    helloRps: round(helloRun.rps),
    failures: warmRun.failures + coldRun.failures + notModified.failures,
  }
}

async function fivePorts(): Promise<[number, number, number, number, number]> {
  return [await freePort(), await freePort(), await freePort(), await freePort(), await freePort()]
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
