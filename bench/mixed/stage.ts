/** Everything that the mixed bench runs on: engines, gateway, origin and Workers, each in a process of its own, and seeded. */
import { join } from 'node:path'
import pg from 'pg'
import { localOrigin, workerVars } from '../../ops/workers.ts'
import { type Config, ROLES, readConfig } from '../../origin/config.ts'
import { s3Objects } from '../../origin/objects/index.ts'
import { createRedisPort, type OriginRedis } from '../../origin/redis/index.ts'
import { parentOf } from '../cpu.ts'
import { startRedis } from '../feed/serving.ts'
import { freePort, type Running, startProcess, untilAnswers } from '../processes.ts'
import { buildEdge, startEdge } from './edge.ts'
import { fillImageCache, seedPictures, seedPostgres, seedRedis, type World, world } from './seed.ts'

export interface Stage {
  directory: string
  url: string
  imageUrl: string
  /** Of the image Worker (edge.ts). */
  cacheUrl: string
  originUrl: string
  serviceToken: string
  redis: OriginRedis
  ids: World['ids']
  settings: Record<string, string>
  /** Processes by name; that of Postgres, whose children count with it, where it runs on this machine. */
  pids: Record<string, number>
}

export interface StageOptions {
  directory: string
  nowMs: number
  /** A server on which a database of this run's own is made, and dropped in the end. */
  serverUrl: string
  say(text: string): void
}

type Closers = (() => Promise<unknown>)[]

export async function setStage(options: StageOptions, closers: Closers): Promise<Stage> {
  const { directory, nowMs, say } = options
  const processes: Running[] = []
  const keep = (running: Running) => {
    closers.push(() => running.stop())
    return running
  }
  say('building the bundles')
  await buildEdge(directory)
  const database = await ownDatabase(options, closers)
  const { redis: redisServer, redisUrl } = await startRedis(join(directory, 'redis'), processes)
  for (const running of processes) keep(running)
  const settings = await settingsFor(directory, database.url, redisUrl)
  const config = readConfig(settings)
  const main = join(import.meta.dirname, '../../origin/main.ts')
  // The gateways apart, as docs/correctness.md (27) allows: events and pictures do not stand before the edge's reads.
  const roles = ROLES.filter((role) => role !== 'gateway').join(',')
  const origin = keep(startProcess(process.execPath, [main], { ...settings, ROLES: roles }))
  await untilReady(`http://127.0.0.1:${config.port}/health`)
  const gateway = keep(startProcess(process.execPath, [join(import.meta.dirname, '../feed/gateway.ts')], settings))
  await untilAnswers(`http://127.0.0.1:${config.gatewayPort}/health`)
  const redis = createRedisPort(redisUrl)
  await redis.ready()
  closers.push(() => redis.close())
  const address = localOrigin(config, { ...config, objectsEndpoint: objectsEndpoint(config) })
  const edge = await startEdge(directory, workerVars(address))
  for (const running of [edge.api, edge.image]) keep(running)
  const { url, imageUrl, cacheUrl } = edge
  const ids = await seed({ config, databaseUrl: database.url, redis, nowMs, imageUrl, say })
  const pids = {
    ...{ apiWorker: edge.api.pid, imageWorker: edge.image.pid },
    ...{ gateway: gateway.pid, origin: origin.pid, redis: redisServer.pid },
    ...(database.postmaster === null ? {} : { postgres: database.postmaster }),
  }
  const { originUrl } = address
  const serviceToken = config.secrets.SERVICE_TOKEN
  return {
    directory,
    url,
    imageUrl,
    cacheUrl,
    originUrl,
    serviceToken,
    redis,
    ids,
    settings,
    pids,
  }
}

const objectsEndpoint = ({ embeddedPorts }: Config) => `http://127.0.0.1:${embeddedPorts.objects}`

async function settingsFor(directory: string, databaseUrl: string, redisUrl: string): Promise<Record<string, string>> {
  const [port, gatewayPort, s3Port] = [await freePort(), await freePort(), await freePort()]
  return {
    ...{ STATE_DIR: directory, LOG_LEVEL: 'error', DATABASE_URLS: databaseUrl, REDIS_URL: redisUrl },
    ...{ PORT: String(port), GATEWAY_PORT: String(gatewayPort), S3_PORT: String(s3Port) },
    ...{
      DATABASE_REPLICA_URLS: '',
      KAFKA_BROKERS: '',
      CASSANDRA_CONTACT_POINTS: '',
      ELASTICSEARCH_URL: '',
      S3_ENDPOINT: '',
    },
  }
}

interface Seeding {
  config: Config
  databaseUrl: string
  redis: OriginRedis
  nowMs: number
  imageUrl: string
  say(text: string): void
}

async function seed({ config, databaseUrl, redis, nowMs, imageUrl, say }: Seeding): Promise<World['ids']> {
  const startedAt = performance.now()
  const took = () => `${((performance.now() - startedAt) / 1_000).toFixed(0)} s`
  const people = world(nowMs)
  const posts = people.posts.reduce((sum, own) => sum + own.length, 0)
  const follows = people.follows.reduce((sum, followed) => sum + followed.length, 0)
  say(`${people.ids.length} people, ${posts} posts, ${follows} follows (${took()})`)
  const { secrets, objects } = config
  const credentials = { accessKeyId: secrets.S3_ACCESS_KEY_ID, secretAccessKey: secrets.S3_SECRET_ACCESS_KEY }
  const { bucket, region } = objects
  await seedPictures(s3Objects({ endpoint: objectsEndpoint(config), bucket, region, credentials }))
  say(`pictures are stored (${took()})`)
  await Promise.all([
    seedPostgres(databaseUrl, people),
    seedRedis(redis, people, nowMs),
    fillImageCache(imageUrl).then(() => say(`pictures are in the cache (${took()})`)),
  ])
  say(`Postgres and Redis are filled (${took()})`)
  return people.ids
}

async function ownDatabase(
  { serverUrl, nowMs }: StageOptions,
  closers: Closers,
): Promise<{ url: string; postmaster: number | null }> {
  const name = `tideline_bench_${nowMs}`
  const server = new pg.Client({ connectionString: serverUrl })
  await server.connect()
  closers.push(() => server.end())
  const { rows } = await server.query<{ pid: number }>('select pg_backend_pid() as pid')
  await server.query(`create database ${name}`)
  closers.push(() => server.query(`drop database ${name} with (force)`))
  const url = new URL(serverUrl)
  url.pathname = `/${name}`
  const isHere = ['127.0.0.1', 'localhost'].includes(url.hostname)
  return { url: String(url), postmaster: isHere ? parentOf(rows[0]?.pid ?? 0) : null }
}

/** An origin that migrates and opens its stores answers /health with 503 until it is ready. */
async function untilReady(url: string): Promise<void> {
  const until = performance.now() + 30_000
  await untilAnswers(url)
  while (!(await fetch(url)).ok) {
    if (performance.now() > until) throw new Error('the origin is not ready')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
