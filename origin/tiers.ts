/** Every tier, wired: what one offers the next is handed over here, and nowhere else do tiers meet but in events. */

import { REPLICA_LIMITS } from '#core/replicas.ts'
import { createAccounts, type SigningKeys } from './accounts/index.ts'
import type { Config, Role } from './config.ts'
import { createEngagement } from './engagement/index.ts'
import type { Engines } from './engines.ts'
import type { Consumer, OperableEventLog } from './event-log.ts'
import { createFanout } from './fanout/index.ts'
import { createGraph } from './graph/index.ts'
import type { InternalEndpoint } from './http.ts'
import {
  createDeferredComments,
  createDeferredPosts,
  createIngest,
  deferredFromMethods,
  lettersWaiting,
  postgresDeadLetters,
} from './ingest/index.ts'
import type { OriginHandlers } from './internal-api.ts'
import { createMedia } from './media/index.ts'
import { cloudflarePurge } from './media/purge.ts'
import { mediaQueue } from './media/queue.ts'
import { createNotify, postgresNotifications } from './notify/index.ts'
import { edgeMetrics } from './observe/edge.ts'
import type { Logger } from './observe/logger.ts'
import type { Metrics } from './observe/metrics.ts'
import { createOutbox } from './outbox/index.ts'
import { createReplays, REPLAYABLE_MS } from './outbox/replay.ts'
import { createRecommend } from './recommend/index.ts'
import { forgetDerived } from './redis/forget-derived.ts'
import { type Loss, lossGuard } from './redis/loss.ts'
import { repeatedly } from './repeatedly.ts'
import { createSearch } from './search/index.ts'

export interface TierNeeds {
  config: Config
  engines: Engines
  log: OperableEventLog
  logger: Logger
  metrics: Metrics
}

export interface Tiers {
  methods: OriginHandlers
  endpoints: Record<string, InternalEndpoint>
  /** Indexes every person and post for search. */
  reindex(): Promise<unknown>
  /** Begins to consume and to work on timers. */
  start(): void
  /** Events that this process's fan-out and graph have still to handle, as the log says now. @throws Error when it cannot say */
  lag(): Promise<number>
  close(): Promise<void>
}

/** Milliseconds between looks at second purges, and at dead letters of an outage that has ended. */
const PURGE_EVERY_MS = 10_000
const RECOVER_EVERY_MS = 30_000
const HEARTBEAT_EVERY_MS = 1_000
/** The embedded engine has no autovacuum: dead rows and stale statistics are ours to clear. */
const VACUUM_EVERY_MS = 1_800_000
const MEASURE_LAG_EVERY_MS = 2_000
/** The alert waits five minutes, and counting reads every row that waits. */
const COUNT_LETTERS_EVERY_MS = 15_000
const LOOK_AT_REDIS_EVERY_MS = 1_000

export async function createTiers(needs: TierNeeds): Promise<Tiers> {
  const tiers = await wireTiers(needs)
  const work: Work = { consumers: [], stops: [] }
  return {
    methods: { ...tiers.methods, 'observe.edge': observeEdge(needs.metrics) },
    endpoints: needs.config.roles.has('ingest') ? tiers.ingest.endpoints : {},
    reindex: () => tiers.search.reindex(),
    start: () => startTiers(needs, tiers, work),
    lag: () => totalLag(work.consumers),
    async close() {
      const { engagement, recommend, media, search, notify } = tiers
      await Promise.all(work.stops.map((stop) => stop()))
      await Promise.all(work.consumers.map((consumer) => consumer.stop()))
      await Promise.all([engagement, recommend, media, search, notify].map((tier) => tier.close()))
    },
  }
}

/** Every process takes what isolates have counted, whatever its roles: the edge knows one address. */
function observeEdge(metrics: Metrics): NonNullable<OriginHandlers['observe.edge']> {
  const add = edgeMetrics(metrics)
  return async (seen) => {
    add(seen)
    return {}
  }
}

/** What runs from the start on, to be stopped at the close. */
interface Work {
  consumers: Consumer[]
  stops: (() => Promise<void>)[]
}

type WiredTiers = Awaited<ReturnType<typeof wireTiers>>

/** Makes every tier and hands each what it needs of the others. Nothing runs yet. */
async function wireTiers({ config, engines, log, logger, metrics }: TierNeeds) {
  const { database, directory, redis, objects } = engines
  const common = { database, redis, log, logger, metrics, clock: Date.now, random: Math.random }
  const deadLetters = postgresDeadLetters(directory)
  const outbox = createOutbox({
    ...common,
    databases: engines.databases,
    vacuum: engines.needsVacuum,
    bury: (letters) => deadLetters.store('outbox', letters),
  })
  const accounts = await createAccounts({ ...common, signingKeys: signingKeys(config) })
  const engagement = createEngagement({ ...common, store: engines.engagement, posts: database })
  const fanout = createFanout({
    ...common,
    policy: config.policy,
    flushOutbox: () => outbox.flush(),
  })
  const graph = createGraph({
    ...common,
    policy: config.policy,
    onFollowers: (author, count) => fanout.crossing.consider(author, count),
    whenIdle: (work) => fanout.lanes.run('purge', work),
  })
  const recommend = createRecommend(common)
  const caches = config.cloudflare === null ? {} : { caches: cloudflarePurge(config.cloudflare) }
  const media = createMedia({ ...common, ...caches, objects })
  const search = createSearch({ ...common, store: engines.search, rows: database })
  const notify = createNotify({ ...common, store: postgresNotifications(database) })
  const methods = methodsOf(config.roles, { accounts, engagement, media, search })
  // A queue's message is applied wherever it arrives: the roles of a process say whose calls it answers.
  const deferred = deferredFromMethods(engagement.handlers)
  const { 'engagement.comment': comment, 'engagement.editComment': edit, 'engagement.deleteComment': remove } = deferred
  const ingest = createIngest({
    ...common,
    outbox,
    deadLetters,
    reviveMediaJobs: media.reviveJobs,
    deferredHandlers: {
      ...deferred,
      ...(comment &&
        edit &&
        remove && {
          'engagement.comment': createDeferredComments({
            ...{ database, apply: comment, edit, remove, isTakenBack: engagement.isTakenBack },
          }),
        }),
      'post.create': createDeferredPosts({ database, publish: (event) => log.publish([event]) }),
    },
  })
  return { outbox, accounts, engagement, fanout, graph, recommend, media, search, notify, methods, ingest }
}

/** What the edge may call here: the methods of the tiers that this process has the roles for. */
function methodsOf(
  roles: Config['roles'],
  tiers: Record<'accounts' | 'engagement' | 'media' | 'search', { handlers: OriginHandlers }>,
): OriginHandlers {
  return {
    ...(roles.has('accounts') ? tiers.accounts.handlers : {}),
    ...(roles.has('engagement') ? tiers.engagement.handlers : {}),
    ...(roles.has('media') ? tiers.media.handlers : {}),
    ...(roles.has('search') ? tiers.search.handlers : {}),
  }
}

/** Starts what the roles ask for: consumers, and work on timers. */
function startTiers(needs: TierNeeds, tiers: WiredTiers, { consumers, stops }: Work): void {
  const { config, engines, logger } = needs
  const has = (role: Role) => config.roles.has(role)
  const every = (ms: number, name: string, work: () => Promise<unknown>) =>
    stops.push(repeatedly(name, ms, logger, work))

  if (has('fanout')) every(HEARTBEAT_EVERY_MS, 'heartbeat of redis', redisLossGuard(needs, tiers))
  if (engines.needsVacuum) every(VACUUM_EVERY_MS, 'vacuum', () => engines.pools[0].query('VACUUM ANALYZE'))
  if (engines.replicas.states().length > 0 && (has('gateway') || has('search') || has('recommend'))) {
    every(REPLICA_LIMITS.lookEveryMs, 'lag of replicas', () => lookAtReplicas(needs))
  }
  if (has('ingest')) {
    tiers.outbox.start()
    stops.push(() => tiers.outbox.stop())
    every(RECOVER_EVERY_MS, 'dead letters', () => tiers.ingest.recover())
    every(COUNT_LETTERS_EVERY_MS, 'dead letters that wait', lettersWaiting(engines.directory, needs.metrics))
  }
  if (has('graph')) {
    consumers.push(tiers.graph.consume())
    every(PURGE_EVERY_MS, 'second purges', () => tiers.graph.service.purgeDue())
  }
  if (has('fanout')) {
    const { pushes, purges } = tiers.fanout.consume()
    consumers.push(...pushes, ...purges)
    every(MEASURE_LAG_EVERY_MS, 'fan-out lag', async () => tiers.fanout.behind(await totalLag(pushes)))
    every(LOOK_AT_REDIS_EVERY_MS, 'memory of redis', () => tiers.fanout.look())
  }
  if (has('engagement')) tiers.engagement.start()
  if (has('recommend')) tiers.recommend.start()
  if (has('media')) {
    tiers.media.start()
    every(MEASURE_LAG_EVERY_MS, 'media queue', mediaQueue(engines.database, needs.metrics))
  }
  if (has('search')) tiers.search.start()
  if (has('notify')) tiers.notify.start()
}

/** The edge reads what was found with Redis away at the primary, as it does when nothing was found. */
async function lookAtReplicas({ engines: { replicas, redis } }: TierNeeds): Promise<void> {
  await replicas.look()
  await redis.pipeline([replicas.tell()]).catch(() => {})
}

/** One at a time: each asks Postgres, and nobody waits for the sum. */
async function totalLag(consumers: readonly Consumer[]): Promise<number> {
  let lag = 0
  for (const consumer of consumers) lag += await consumer.lag()
  return lag
}

/** What follows from committed events is derived again; what is older than the outbox keeps is derived from nothing. */
function redisLossGuard({ config, engines, log, logger }: TierNeeds, { accounts, engagement }: WiredTiers) {
  const { databases, redis } = engines
  const clock = Date.now
  const replays = createReplays({ databases, log, logger })
  // A Redis of our own ends with every ordinary stop: nobody need be alarmed by the next start, nor is anything left out there.
  let isStartedWithUs = config.redisUrl === null || config.redisUrl === 'embedded'
  async function restore({ sinceMs, isEmpty }: Loss): Promise<void> {
    const since = { since: sinceMs, isEmpty }
    if (isStartedWithUs)
      logger.info(since, 'redis was started with this origin: deriving again what its last run may lack')
    else logger.warn(since, 'redis may have lost writes: deriving again what was committed since')
    if (!isEmpty && clock() - sinceMs > REPLAYABLE_MS) await forgetDerived(redis)
    await accounts.publishKeys()
    // Likes and comments never stand in the outbox: the log has them.
    await engagement.noteLoss(sinceMs)
    if (!isEmpty) await replays.since(sinceMs)
  }
  const look = lossGuard({ redis, clock, marginMs: config.policy.replayWindowMs, restore })
  return async () => {
    await look()
    isStartedWithUs = false
    await replays.catchUp()
  }
}

const signingKeys = (config: Config): SigningKeys => ({
  privateJwk: JSON.parse(config.secrets.JWT_PRIVATE_JWK) as SigningKeys['privateJwk'],
})
