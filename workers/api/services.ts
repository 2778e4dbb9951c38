/** What a request can use. Built once an isolate: no member holds a socket, a promise or anything else of a request. */
import { type Breaker, createBreaker } from '#core/breaker.ts'
import type { EdgeDependency } from '#core/edge-observations.ts'
import { type Clock, createIdFactory, type IdFactory, type Random } from '#core/ids.ts'
import { createLoad, type Load, type LoadPolicy } from '#core/load.ts'
import { Observations } from '#core/observations.ts'
import type { Database } from '#drizzle/database.ts'
import { withReplica } from '#drizzle/replicas.ts'
import { type Shard, shardedDatabase } from '#drizzle/sharded.ts'
import { createKeyring } from './auth/keyring.ts'
import { createRevocations, type Revocations } from './auth/revocations.ts'
import { createTokenVerifier, type TokenVerifier } from './auth/tokens.ts'
import { type Config, readConfig } from './config.ts'
import { type OriginClient, originClient } from './data/origin.ts'
import { DatabaseAwayError, type NeonConfig, neonPostgres, type Priority } from './data/postgres.ts'
import { type EdgeQueues, edgeQueues } from './data/queue.ts'
import { type EdgeRedis, upstashRedis } from './data/redis.ts'
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
  readonly redis: EdgeRedis
  readonly db: Database
  /** The same for whom it is urgent, and for whom it is not. */
  readonly dbOf: Readonly<Record<Priority, Database>>
  /** Which reads may come from a replica. */
  readonly replicas: ReplicaReads
  readonly origin: OriginClient
  readonly queues: EdgeQueues
  readonly tokens: TokenVerifier
  readonly revocations: Revocations
  readonly limits: RateLimits
  /** How much this isolate has under way, and may. */
  readonly load: Load
  /** What this isolate remembers of posts and lists, bounded. */
  readonly feedIsolate: FeedIsolate
  readonly lastPages: LastPages
  /** What this isolate has counted and not told yet. */
  readonly observations: Pick<
    Observations,
    'answered' | 'read' | 'degraded' | 'shed' | 'opened' | 'takeDue' | 'putBack'
  >
  /** What this isolate has found away and leaves alone. */
  leftAlone(): EdgeDependency[]
  /** For the addresses of private pictures. */
  readonly signatures: Signatures
  /** The image Worker, and the client's files. */
  readonly images: Fetcher
}

/** Five failures in a row are an outage, not bad luck; a second later one request may look again. */
const BREAKER = Object.freeze({ failures: 5, openMs: 1_000 })

/**
 * So many at once no isolate finds heavy. Half of a feed's budget is left for what is slower than most. A twentieth is little
 * against it, and a fifth of what Redis is waited for.
 */
const loadPolicy = ({ maxInFlight, feedBudgetMs }: Config): LoadPolicy => ({
  most: maxInFlight,
  least: 32,
  targetMs: feedBudgetMs / 2,
  lagMs: feedBudgetMs / 20,
})

function buildServices(env: ApiEnv, clock: Clock, random: Random): Services {
  const config = readConfig(env as unknown as Record<string, unknown>)
  const observations = new Observations(clock())
  const breakers: [EdgeDependency, Breaker][] = []
  const breaker = (dependency: EdgeDependency): Breaker => {
    const made = createBreaker(BREAKER, clock, () => observations.opened(dependency))
    breakers.push([dependency, made])
    return made
  }
  const load = createLoad(loadPolicy(config), clock)
  const redis = upstashRedis(config.redis, breaker('redis'), { clock, lagMs: () => load.lagMs })
  const verdict = replicaVerdict(clock)
  const dbOf = openDatabases(config, clock, verdict, breaker)
  const db = dbOf.auto
  const origin = originClient(config.origin, breaker('origin'))
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
    dbOf,
    replicas: replicaReads({ verdict, isolate: feedIsolate, isConfigured: hasReplicas(config), clock }),
    origin,
    queues: edgeQueues(env.EVENTS, env.DEFERRED_WRITES, breaker('queue')),
    tokens,
    revocations: createRevocations({ redis, isolate: feedIsolate, clock }),
    limits: createRateLimits(env, clock),
    load,
    feedIsolate,
    lastPages: lastPages(clock, () => caches.default),
    observations,
    leftAlone: () => [...new Set(breakers.filter(([, one]) => one.isOpen()).map(([dependency]) => dependency))],
    signatures: createSignatures(config.imageSigningKeys, clock),
    images: env.IMAGES,
  })
}

/** For rows that change hands: a switch takes some tenths of a second. After this, posts are queued as when Postgres is away. */
const MOVE_PATIENCE_MS = 2_000

/** Each with a breaker of its own: one that is away takes no other with it. */
function openDatabases(
  { databases }: Config,
  clock: Clock,
  { isUsable }: ReplicaVerdict,
  breaker: (dependency: EdgeDependency) => Breaker,
): Record<Priority, Database> {
  const guarded = databases.map((database) => ({
    database,
    primary: breaker('postgres'),
    near: database.replica === null ? null : { replica: database.replica, breaker: breaker('replica') },
  }))
  const open = (priority: Priority): Database => {
    const shards = guarded.map(({ database, near, ...breakers }, index): Shard => {
      const { ranges } = database
      const connect = (address: NeonConfig, kept: Breaker) => neonPostgres(address, kept, priority)
      const primary = connect(database, breakers.primary)
      if (near === null) return { database: primary, ranges }
      const replica = { database: connect(near.replica, near.breaker), isUsable: () => isUsable(index) }
      return { database: withReplica(primary, replica), ranges }
    })
    const [first, ...others] = shards
    if (first === undefined) throw new Error('there is no database')
    return shardedDatabase([first, ...others], {
      clock,
      patienceMs: MOVE_PATIENCE_MS,
      unavailable: (cause) => new DatabaseAwayError(cause),
    })
  }
  return { high: open('high'), auto: open('auto'), low: open('low') }
}

const hasReplicas = ({ databases }: Config) => databases.some(({ replica }) => replica !== null)

/** The same bindings with other services, for a request that is not to have all of them. */
export function environmentWith(env: ApiEnv, services: Services): ApiEnv {
  const own = { ...env }
  servicesOfEnv.set(own, services)
  return own
}

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
