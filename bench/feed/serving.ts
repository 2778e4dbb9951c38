/** What serves feeds in a bench: redis-server and the gateway in processes of their own, the api Worker in plain workerd. */
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { SignJWT } from 'jose'
import type { Id } from '#core/ids.ts'
import { ACCESS_TOKEN_SECONDS, TOKEN_ALGORITHM, TOKEN_AUDIENCE, TOKEN_ISSUER } from '#core/tokens.ts'
import { findRedisServer } from '../../origin/embedded/redis-server.ts'
import { createRedisPort, type OriginRedis } from '../../origin/redis/index.ts'
import type { Secrets } from '../../origin/secrets.ts'
import { cpuDuring } from '../cpu.ts'
import { type LoadRequest, type LoadResult, load } from '../load.ts'
import { freePort, type Running, startProcess, untilAnswers } from '../processes.ts'
import { startWorker } from './workerd.ts'

/** Items a page. */
export const PAGE = 50

export interface Measured extends LoadResult {
  cpuMsPerRequest: number
  cpuByProcess: Record<string, number>
}

/** A redis-server and the gateway before it. */
export interface Backing {
  redis: Running
  gateway: Running
  gatewayUrl: string
}

/**
 * Starts both, in processes of their own, and fills Redis in between. No query is expected: Postgres is nowhere.
 * @param name of the redis-server's folder
 * @param running is told of each at once, so that whoever fails can end them
 */
export async function startBacking(
  directory: string,
  name: string,
  running: Running[],
  seed: (redis: OriginRedis) => Promise<void>,
): Promise<Backing> {
  const { redis, redisUrl } = await startRedis(join(directory, name), running)
  const port = createRedisPort(redisUrl)
  await port.ready()
  await seed(port)
  await port.close()
  const gatewayPort = await freePort()
  const gateway = startProcess(process.execPath, [new URL('gateway.ts', import.meta.url).pathname], {
    STATE_DIR: directory,
    REDIS_URL: redisUrl,
    // Nothing in these benches misses Redis: a query would fail the run.
    DATABASE_URLS: 'postgres://nobody@127.0.0.1:9/none',
    GATEWAY_PORT: String(gatewayPort),
  })
  running.push(gateway)
  const gatewayUrl = `http://127.0.0.1:${gatewayPort}`
  await untilAnswers(`${gatewayUrl}/health`)
  return { redis, gateway, gatewayUrl }
}

/** A redis-server that writes nothing to disk. @throws Error where there is none on the PATH */
export async function startRedis(directory: string, running: Running[]): Promise<{ redis: Running; redisUrl: string }> {
  const server = findRedisServer(process.env.PATH ?? '')
  if (server === null) throw new Error('This bench needs redis-server or valkey-server on the PATH.')
  mkdirSync(directory, { recursive: true })
  const port = await freePort()
  const redis = startProcess(server, [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory],
    ...['--save', '', '--appendonly', 'no'],
  ])
  running.push(redis)
  return { redis, redisUrl: `redis://127.0.0.1:${port}` }
}

/** Settings of the api Worker. */
export function settings(gatewayUrl: string, secrets: Secrets, jwks: string): Record<string, string> {
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
    FEED_BUDGET_MS: '3000',
    // A line a request, as wrangler.toml has it in production.
    ACCESS_LOG: 'all',
  }
}

/** The api Worker in a workerd of its own, with the processes whose CPU its requests cost. */
export async function startFeed(
  { directory, name, vars }: { directory: string; name: string; vars: Record<string, string> },
  { redis, gateway }: Backing,
  running: Running[],
) {
  const port = await freePort()
  const worker = await startWorker({ directory, name, port, script: 'index.js', vars })
  running.push(worker)
  const pids = { workerd: worker.pid, gateway: gateway.pid, redis: redis.pid }
  return { url: `http://127.0.0.1:${port}`, pids, stop: () => worker.stop() }
}

/** Requests a second of a Worker that does nothing: what this machine's workerd can do at most. */
export async function helloWorld(directory: string, seconds: number): Promise<number> {
  const port = await freePort()
  const hello = await startWorker({ directory, name: 'hello', port })
  try {
    return (await load(`http://127.0.0.1:${port}`, () => ({ path: '/' }), seconds)).rps
  } finally {
    await hello.stop()
  }
}

/**
 * Load on a feed, with the CPU that it costs the processes. A page that is degraded, late or short is a failure.
 * @param items of a whole page
 */
export async function measured(
  { url, pids }: { url: string; pids: Record<string, number> },
  pick: () => LoadRequest,
  seconds: number,
  items: number,
): Promise<Measured> {
  await delay(200)
  const asked = { isRight: (body: string, headers: Record<string, string>) => isWhole(body, headers, items) }
  const { result, cpu } = await cpuDuring(pids, () => load(url, pick, seconds, asked))
  const perRequest = Object.fromEntries(Object.entries(cpu).map(([name, ms]) => [name, round(ms / result.requests, 3)]))
  const total = Object.values(cpu).reduce((sum, ms) => sum + ms, 0)
  return { ...result, cpuByProcess: perRequest, cpuMsPerRequest: round(total / result.requests, 3) }
}

/** Whether a page has so many items and nothing was left out of it. Parsing each would take the cores from what is measured. */
export function isWhole(body: string, headers: Record<string, string>, items: number): boolean {
  if (headers['tideline-degraded'] !== undefined) return false
  let found = 0
  for (let at = body.indexOf(ITEM); at !== -1; at = body.indexOf(ITEM, at + ITEM.length)) found++
  return found === items
}

/** Once an item; in a text the quotes would be escaped. */
const ITEM = '"reason":"'

export const round = (value: number, digits = 1) => Number(value.toFixed(digits))
export const describe = (run: Measured) =>
  `${Math.round(run.rps)} a second, ${run.cpuMsPerRequest} ms of CPU each ${JSON.stringify(run.cpuByProcess)}, p99 ${run.p99Ms} ms, ${run.notModified} not modified, ${run.failures} failures`

/** A request for each reader, with an access token as the origin signs them. */
export async function signReaders(people: readonly Id[]): Promise<{ readers: LoadRequest[]; jwks: string }> {
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
export async function itemsOf(url: string, readers: readonly LoadRequest[]): Promise<number> {
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
