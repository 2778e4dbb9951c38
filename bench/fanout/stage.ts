/** What the fan-out bench runs on: the origin in a process of its own, the Workers in workerd, people with accounts. */
import { join } from 'node:path'
import pg from 'pg'
import { createTestHarness } from 'wrangler'
import type { Id } from '#core/ids.ts'
import { localOrigin, writeWorkerConfigs } from '../../ops/workers.ts'
import { readConfig } from '../../origin/config.ts'
import { findRedisServer } from '../../origin/embedded/redis-server.ts'
import { createRedisPort, type OriginRedis } from '../../origin/redis/index.ts'
import type { BenchOptions } from '../bench.ts'
import { freePort, startProcess, untilAnswers } from '../processes.ts'

export interface Stage {
  url: URL
  database: pg.Client
  redis: OriginRedis
  /** The origin's address and token, for its /metrics. */
  origin: { url: string; token: string }
  /** The Workers once more, in a workerd of their own: another place of the edge, which hears of posts only as places do. */
  elsewhere(): Promise<URL>
}

export interface Account {
  userId: Id
  accessToken: string
}

/** REDIS_URL names another Redis, or a cluster; other engines, too, are chosen by the origin's settings. */
export async function setStage(
  directory: string,
  closers: (() => Promise<unknown>)[],
  { say }: BenchOptions,
): Promise<Stage> {
  const { REDIS_URL } = process.env
  if (!REDIS_URL && findRedisServer(process.env.PATH ?? '') === null) {
    throw new Error(
      'The fan-out bench needs redis-server or valkey-server on the PATH, or a Redis that REDIS_URL names.',
    )
  }
  const names = ['PORT', 'GATEWAY_PORT', 'POSTGRES_PORT', 'REDIS_PORT', 'S3_PORT']
  const ports = Object.fromEntries(await Promise.all(names.map(async (name) => [name, String(await freePort())])))
  const settings = { ...ports, STATE_DIR: directory, LOG_LEVEL: 'error' }
  const config = readConfig(settings)
  const { gatewayPort, embeddedPorts } = config
  const origin = startProcess(process.execPath, [join(import.meta.dirname, '../../origin/main.ts')], settings)
  closers.push(() => origin.stop())
  await untilAnswers(`http://127.0.0.1:${config.port}/health`)
  const objectsEndpoint = `http://127.0.0.1:${embeddedPorts.objects}`
  const address = localOrigin(config, { port: config.port, gatewayPort, objectsEndpoint })
  const configs = writeWorkerConfigs(join(directory, 'workers'), address)
  const serve = async () => {
    const harness = createTestHarness({ workers: configs.map((configPath) => ({ configPath })) })
    closers.push(() => harness.close())
    return (await harness.listen()).url
  }
  const url = await serve()
  say('origin and Workers are up')

  const database = new pg.Client({
    host: '127.0.0.1',
    port: embeddedPorts.postgres,
    user: 'postgres',
    database: 'postgres',
  })
  await database.connect()
  closers.push(() => database.end())
  const redis = createRedisPort(REDIS_URL || `redis://127.0.0.1:${embeddedPorts.redis}`)
  await redis.ready()
  closers.push(() => redis.close())
  const ownMetrics = { url: address.originUrl, token: config.secrets.SERVICE_TOKEN }
  return { url, database, redis, origin: ownMetrics, elsewhere: serve }
}

export function signUp({ url }: Stage, username: string): Promise<Account> {
  return call<Account>(new URL('/v1/accounts', url), null, {
    body: { username, email: `${username}@bench.test`, password: 'nine thousand followers' },
  })
}

/** Publishes a post, and answers its id with the instant (of performance.now) of its 201. */
export async function publish({ url }: Stage, author: Account, caption: string): Promise<{ id: Id; at: number }> {
  const { id } = await call<{ id: Id }>(new URL('/v1/posts', url), author.accessToken, { body: { caption } })
  return { id, at: performance.now() }
}

/** @throws Error unless the answer is a success */
export async function call<T>(
  url: URL,
  token: string | null,
  { method = 'POST', body }: { method?: string; body?: object } = {},
): Promise<T> {
  const headers = {
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  }
  const answer = await fetch(url, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${url.pathname} answered ${answer.status}: ${text}`)
  return (text === '' ? null : JSON.parse(text)) as T
}
