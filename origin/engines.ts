/** The engine of each port: embedded by default, distributed by configuration (design §3). */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { problems } from '#core/problem.ts'
import type { Database } from '#drizzle/database.ts'
import { type Breakers, guarded } from './breakers.ts'
import type { Config } from './config.ts'
import { type Databases, type EnginesNeeds, openDatabases } from './databases.ts'
import { startEmbeddedObjects } from './embedded/objects/index.ts'
import { startEmbeddedRedis } from './embedded/redis/index.ts'
import { findRedisServer, startRedisServer } from './embedded/redis-server.ts'
import { cassandraEngagement, cassandraSession, type EngagementStore, postgresEngagement } from './engagement/index.ts'
import { UPLOAD_PREFIX } from './media/index.ts'
import {
  type BucketRules,
  type ObjectStore,
  ObjectStoreError,
  prepareBucket,
  type S3ObjectsOptions,
  s3Objects,
} from './objects/index.ts'
import type { Logger } from './observe/logger.ts'
import { sparingly } from './observe/sparingly.ts'
import { forgetDerived } from './redis/forget-derived.ts'
import { createRedisPort, type OriginRedis, parseRedisUrl } from './redis/index.ts'
import { repeatedly } from './repeatedly.ts'
import type { Replicas } from './replicas/index.ts'
import { postgresSearch, type SearchStore } from './search/index.ts'

export interface Engines {
  /** Postgres, however many databases that is: statements of drizzle/queries find theirs. */
  database: Database
  /** The first of them. */
  directory: Database
  /** Each by itself, the directory first. */
  databases: Databases['databases']
  pools: Databases['pools']
  databaseUrls: Databases['urls']
  replicas: Replicas
  redis: OriginRedis
  redisUrl: string
  /** Unix milliseconds from which on Redis misses writes since an earlier process was killed; null: from never. */
  redisLostSince: number | null
  engagement: EngagementStore
  search: SearchStore
  objects: ObjectStore
  objectsEndpoint: string
  /** Of engines that /health asks about by name. */
  checks: Record<string, () => Promise<unknown>>
  /** The embedded Postgres has no autovacuum. */
  needsVacuum: boolean
  /** What runs where, for the start's first lines. */
  described: Record<'postgres' | 'redis' | 'log' | 'engagement' | 'search' | 'objects', string>
  /** Closes clients, then engines, in the reverse order of their start. */
  close(): Promise<void>
}

/** Starts what is embedded, connects to what is not, and brings the schema up to date. */
export async function openEngines(needs: EnginesNeeds): Promise<Engines> {
  const { config, logger, waits, breakers } = needs
  const closers: (() => Promise<void>)[] = []
  const close = async () => {
    for (const one of closers.reverse()) await one()
  }
  /** To be closed before what is kept already. */
  const kept = <T extends { close(): Promise<void> }>(opened: T): T => {
    closers.push(() => opened.close())
    return opened
  }
  try {
    mkdirSync(config.stateDir, { recursive: true })
    const postgres = kept(await waits.during('postgres', openDatabases(needs)))
    const redisEngine = kept(await openRedis(config, logger, needs.onDeath))
    const redis = kept(connectRedis(redisEngine.url, config, logger))
    await waits.during('redis', redis.ready())
    await forgetAfterLoss(redis, redisEngine.lostSince, logger)
    const engagement = kept(openEngagement(config, logger, postgres.directory, breakers))
    const search = kept(await openSearch(config, logger, postgres.directory, breakers))
    const store = kept(await openObjects(config, logger, breakers))
    const { database, directory, databases, pools, urls, replicas } = postgres
    return {
      ...{ database, directory, databases, pools, databaseUrls: urls, replicas },
      needsVacuum: config.databases === null,
      ...{ redis, redisUrl: redisEngine.url, redisLostSince: redisEngine.lostSince },
      ...{ engagement: engagement.store, search: search.store },
      ...{ objects: store.objects, objectsEndpoint: store.endpoint },
      checks: { ...engagement.checks, ...search.checks },
      described: {
        postgres: postgres.description,
        redis: redisEngine.description,
        log: describeLog(config),
        engagement: engagement.description,
        search: search.description,
        objects: store.description,
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

const connectRedis = (url: string, { redisCa }: Config, logger: Logger): OriginRedis =>
  createRedisPort(url, {
    ...(redisCa !== null && { ca: redisCa }),
    // No stack: where it was thrown says nothing about a server that is away.
    onError: sparingly(Date.now, ({ message }, times) => logger.warn({ reason: message, times }, 'redis')),
  })

async function forgetAfterLoss(redis: OriginRedis, lostSince: number | null, logger: Logger): Promise<void> {
  if (lostSince === null) return
  const keys = await forgetDerived(redis)
  logger.warn({ keys, since: lostSince }, 'redis lost its last writes: what is derived begins anew')
}

/** It opens after the engines (open-log.ts): the embedded one is tables in one of them. */
const describeLog = ({ kafka }: Config) =>
  kafka === null ? 'tables in Postgres' : `Kafka (KAFKA_BROKERS), through ${kafka.client}`

interface Opened {
  url: string
  description: string
  close(): Promise<void>
}

async function openRedis(
  config: Config,
  logger: Logger,
  onDeath: EnginesNeeds['onDeath'],
): Promise<Opened & { lostSince: number | null }> {
  if (config.redisUrl !== null && config.redisUrl !== 'embedded') {
    const isCluster = parseRedisUrl(config.redisUrl).kind === 'cluster'
    const description = `${isCluster ? 'Redis Cluster' : 'Redis'} (REDIS_URL)`
    return { url: config.redisUrl, description, lostSince: null, close: async () => {} }
  }
  const directory = join(config.stateDir, 'redis')
  mkdirSync(directory, { recursive: true })
  const server = config.redisUrl === 'embedded' ? null : findRedisServer(process.env.PATH ?? '')
  if (server !== null) {
    const { url, close } = await startRedisServer({
      command: server,
      port: config.embeddedPorts.redis,
      directory,
      logger,
      onDeath: (why) =>
        onDeath?.(
          `${server} ended ${why} and is not started again: press Ctrl-C and start anew. Until then feeds come from Postgres: slower, without recommendations.`,
        ),
    })
    return { url, description: `${server}, found on this machine`, lostSince: null, close }
  }
  const engine = await startEmbeddedRedis({
    host: '127.0.0.1',
    port: config.embeddedPorts.redis,
    snapshotFile: join(directory, 'embedded.snapshot'),
  })
  const { url, lostSince } = engine
  return { url, description: 'the embedded engine, in this process', lostSince, close: () => engine.close() }
}

/** Not the long walk, which has a pace of its own. */
const ENGAGEMENT_CALLS = [
  ...(['setLike', 'likeOf', 'likers', 'likedAmong', 'likesBy', 'addComment', 'comment', 'topComments'] as const),
  ...(['replies', 'editComment', 'removeComment', 'forestallComment', 'share', 'count'] as const),
] as const

/** Cassandra is not waited for: while it is away, likes and comments are queued at the edge and all else is served. */
function openEngagement({ cassandra }: Config, logger: Logger, database: Database, breakers: Breakers) {
  if (cassandra === null) {
    const close = async () => {}
    return { store: postgresEngagement(database), description: 'tables in Postgres', checks: {}, close }
  }
  const { bucketRows, keyspace, datacenter } = cassandra
  const session = cassandraSession(cassandra, (error) => logger.warn({ err: error }, 'Cassandra cannot be reached'))
  // Its schema is brought up to date now, rather than before the first like. A failure has been told.
  session.ping().catch(() => {})
  const store = cassandraEngagement({ session, bucketRows, clock: Date.now, random: Math.random })
  const away = () => problems.away('The store of likes and comments', 1)
  return {
    store: guarded(store, ENGAGEMENT_CALLS, { breaker: breakers.of('cassandra'), away }),
    description: `Cassandra, keyspace ${keyspace} in ${datacenter} (CASSANDRA_CONTACT_POINTS)`,
    checks: { cassandra: () => session.ping() },
    close: () => session.close(),
  }
}

const SEARCH_CALLS = ['putPerson', 'putPost', 'people', 'peopleAlike', 'posts', 'postsAlike'] as const

/** Nor is Elasticsearch: while it is away, search says so, and what is to be indexed waits in the log. */
async function openSearch({ elasticsearch: settings }: Config, logger: Logger, database: Database, breakers: Breakers) {
  if (settings === null) {
    const close = async () => {}
    return { store: postgresSearch(database), description: 'tables in Postgres', checks: {}, close }
  }
  // Loaded when asked for: most starts need no client library.
  const { elasticsearchSearch } = await import('./search/elasticsearch/index.ts')
  const store = elasticsearchSearch({ settings, clock: Date.now, random: Math.random })
  store.keepUp().catch((error: unknown) => logger.warn({ err: error }, 'Elasticsearch cannot be reached'))
  const away = () => problems.away('Search', 1)
  return {
    store: guarded<SearchStore>(store, SEARCH_CALLS, { breaker: breakers.of('elasticsearch'), away }),
    description: `Elasticsearch, indices ${settings.prefix}-* (ELASTICSEARCH_URL)`,
    checks: { elasticsearch: () => store.ping() },
    close: () => store.close(),
  }
}

async function openObjects(
  config: Config,
  logger: Logger,
  breakers: Breakers,
): Promise<{ objects: ObjectStore; endpoint: string; description: string; close(): Promise<void> }> {
  const { bucket, region } = config.objects
  const credentials = {
    accessKeyId: config.secrets.S3_ACCESS_KEY_ID,
    secretAccessKey: config.secrets.S3_SECRET_ACCESS_KEY,
  }
  const publicEndpoint = config.objects.publicEndpoint === null ? {} : { publicEndpoint: config.objects.publicEndpoint }
  if (config.objects.endpoint !== null) {
    const { endpoint } = config.objects
    const options = { endpoint, ...publicEndpoint, bucket, region, credentials }
    const close = config.roles.has('media')
      ? await preparedBucket(options, config.objects.origins, logger)
      : async () => {}
    const objects = guarded(s3Objects(options), OBJECT_CALLS, { breaker: breakers.of('objects'), away: objectsAway })
    return { objects, endpoint, description: `S3, bucket ${bucket} (S3_ENDPOINT)`, close }
  }
  const server = await startEmbeddedObjects({
    dir: join(config.stateDir, 'objects'),
    port: config.embeddedPorts.objects,
    credentials,
    region,
    buckets: [bucket],
    logger,
  })
  const { endpoint } = server
  const objects = s3Objects({ endpoint, ...publicEndpoint, bucket, region, credentials })
  return { objects, endpoint, description: 'a folder on disk that speaks S3', close: () => server.close() }
}

const OBJECT_CALLS = [
  ...(['put', 'get', 'head', 'delete', 'list'] as const),
  ...(['createMultipart', 'listParts', 'completeMultipart', 'abortMultipart'] as const),
] as const

const objectsAway = () =>
  new ObjectStoreError('Unreachable', 0, 'the object store has not answered lately and is left alone for a moment')

/** Uploads are swept after two hours (origin/media); what a crash leaves goes by the store's own rules. */
const BUCKET_RULES: Omit<BucketRules, 'origins'> = { uploadPrefix: UPLOAD_PREFIX, uploadDays: 2, partDays: 1 }
const PREPARE_AGAIN_MS = 30_000

/**
 * A store that is away does not hold up the start: its bucket is looked after once it is back.
 * @returns stops that
 */
async function preparedBucket(options: S3ObjectsOptions, origins: readonly string[], logger: Logger) {
  const prepare = () => prepareBucket(options, { ...BUCKET_RULES, origins }, logger)
  try {
    await prepare()
    return async () => {}
  } catch (error) {
    if (!(error instanceof ObjectStoreError && error.isTransient)) throw error
    logger.warn({ err: error }, 'the object store cannot be reached')
  }
  let isPrepared = false
  return repeatedly('preparing the bucket', PREPARE_AGAIN_MS, logger, async () => {
    if (isPrepared) return
    await prepare()
    isPrepared = true
  })
}
