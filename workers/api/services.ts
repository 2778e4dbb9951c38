/** What a request can use. Built once an isolate: no member holds a socket, a promise or anything else of a request. */
import { createBreaker } from '#core/breaker.ts'
import { type Clock, createIdFactory, type IdFactory, type Random } from '#core/ids.ts'
import { Observations } from '#core/observations.ts'
import type { RedisPort } from '#core/redis.ts'
import type { Database } from '#drizzle/database.ts'
import { withReplica } from '#drizzle/replicas.ts'
import { type Shard, shardedDatabase } from '#drizzle/sharded.ts'
import { createKeyring } from './auth/keyring.ts'
import { createRevocations, type Revocations } from './auth/revocations.ts'
import { createTokenVerifier, type TokenVerifier } from './auth/tokens.ts'
import { type Config, type EdgeDatabase, readConfig } from './config.ts'
import { type OriginClient, originClient } from './data/origin.ts'
import { DatabaseAwayError, type NeonConfig, neonPostgres } from './data/postgres.ts'
import { type EdgeQueues, edgeQueues } from './data/queue.ts'
import { upstashRedis } from './data/redis.ts'
import { type ReplicaReads, type ReplicaVerdict, replicaReads, replicaVerdict } from './data/replica-reads.ts'
import { FeedIsolate } from './feed/isolate.ts'
import { type LastPages, lastPages } from './feed/last-page.ts'
import { createSignatures, type Signatures } from './present/signatures.ts'
import { createRateLimits, type RateLimits } from './rate-limits.ts'

export interface Services {
  readonly config: Config
  readonly clock: Clock
  readonly random: Random
  readonly ids: IdFactory
  readonly redis: RedisPort
  readonly db: Database
  /** Which reads may come from a replica. */
  readonly replicas: ReplicaReads
  readonly origin: OriginClient
  readonly queues: EdgeQueues
  readonly tokens: TokenVerifier
  readonly revocations: Revocations
  readonly limits: RateLimits
  /** What this isolate remembers of posts and lists, bounded. */
  readonly feedIsolate: FeedIsolate
  readonly lastPages: LastPages
  /** What this isolate has counted and not told yet. */
  readonly observations: Pick<Observations, 'answered' | 'read' | 'degraded' | 'takeDue' | 'putBack'>
  /** For the addresses of private pictures. */
  readonly signatures: Signatures
  /** The image Worker, and the client's files. */
  readonly images: Fetcher
}

/** Five failures in a row are an outage, not bad luck; a second later one request may look again. */
const BREAKER = Object.freeze({ failures: 5, openMs: 1_000 })

function buildServices(env: ApiEnv, clock: Clock, random: Random): Services {
  const config = readConfig(env as unknown as Record<string, unknown>)
  const redis = upstashRedis(config.redis, createBreaker(BREAKER, clock))
  const verdict = replicaVerdict(clock)
  const db = openDatabases(config, clock, verdict)
  const origin = originClient(config.origin, createBreaker(BREAKER, clock))
  const keyring = createKeyring({ configured: config.jwks, redis, origin, clock })
  const tokens = createTokenVerifier({ keyring, origin, db, redis, clock })
  const feedIsolate = new FeedIsolate({
    ...(config.postCacheBytes === null ? {} : { postCacheBytes: config.postCacheBytes }),
    onSessionRevoked: (sessionId) => tokens.revoke(sessionId),
    onForget: () => tokens.forgetAll(),
  })
  return Object.freeze({
    config,
    clock,
    random,
    ids: createIdFactory(clock, random),
    redis,
    db,
    replicas: replicaReads({ verdict, isolate: feedIsolate, isConfigured: hasReplicas(config), clock }),
    origin,
    queues: edgeQueues(env.EVENTS, env.DEFERRED_WRITES),
    tokens,
    revocations: createRevocations({ redis, isolate: feedIsolate, clock }),
    limits: createRateLimits(env, clock),
    feedIsolate,
    lastPages: lastPages(clock, () => caches.default),
    observations: new Observations(clock()),
    signatures: createSignatures(config.imageSigningKeys, clock),
    images: env.IMAGES,
  })
}

/** For rows that change hands: a switch takes some tenths of a second. After this, posts are queued as when Postgres is away. */
const MOVE_PATIENCE_MS = 2_000

/** Each with a breaker of its own: one that is away takes no other with it. */
function openDatabases({ databases }: Config, clock: Clock, { isUsable }: ReplicaVerdict): Database {
  const connect = (address: NeonConfig) => neonPostgres(address, createBreaker(BREAKER, clock))
  const open = (database: EdgeDatabase, index: number): Shard => {
    const { ranges, replica } = database
    const primary = connect(database)
    if (replica === null) return { database: primary, ranges }
    const near = { database: connect(replica), isUsable: () => isUsable(index) }
    return { database: withReplica(primary, near), ranges }
  }
  const [first, ...others] = databases
  if (first === undefined) throw new Error('there is no database')
  return shardedDatabase([open(first, 0), ...others.map((database, i) => open(database, i + 1))], {
    clock,
    patienceMs: MOVE_PATIENCE_MS,
    unavailable: (cause) => new DatabaseAwayError(cause),
  })
}

const hasReplicas = ({ databases }: Config) => databases.some(({ replica }) => replica !== null)

/** Services by their bindings: one entry in production, dropped with the bindings. */
const servicesOfEnv = new WeakMap<object, Services>()

export function servicesFor(env: ApiEnv): Services {
  let services = servicesOfEnv.get(env)
  if (services === undefined) {
    services = buildServices(env, Date.now, Math.random)
    servicesOfEnv.set(env, services)
  }
  return services
}
