/** Every tier, wired: what one offers the next is handed over here, and nowhere else do tiers meet but in events. */

import { createAccounts, type SigningKeys } from './accounts/index.ts'
import type { Config, Role } from './config.ts'
import { createEngagement, postgresEngagement } from './engagement/index.ts'
import type { Engines } from './engines.ts'
import type { Consumer, OperableEventLog } from './event-log.ts'
import { createFanout } from './fanout/index.ts'
import { createGraph } from './graph/index.ts'
import type { InternalEndpoint } from './http.ts'
import { createDeferredPosts, createIngest, deferredFromMethods, postgresDeadLetters } from './ingest/index.ts'
import type { OriginHandlers } from './internal-api.ts'
import { createMedia } from './media/index.ts'
import { createNotify, postgresNotifications } from './notify/index.ts'
import type { Logger } from './observe/logger.ts'
import type { Metrics } from './observe/metrics.ts'
import { createOutbox } from './outbox/index.ts'
import { REPLAYABLE_MS, replayCommitted } from './outbox/replay.ts'
import { createRecommend } from './recommend/index.ts'
import { forgetDerived } from './redis/forget-derived.ts'
import { lossGuard } from './redis/loss.ts'
import { repeatedly } from './repeatedly.ts'
import { createSearch, postgresSearch } from './search/index.ts'

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
  close(): Promise<void>
}

/** Milliseconds between looks at second purges, and at dead letters of an outage that has ended. */
const PURGE_EVERY_MS = 10_000
const RECOVER_EVERY_MS = 30_000
const HEARTBEAT_EVERY_MS = 1_000
/** The embedded engine has no autovacuum: dead rows and stale statistics are ours to clear. */
const VACUUM_EVERY_MS = 1_800_000
/** Fan-out is behind from this many waiting posts on: readers who follow thousands then pull for themselves. */
const LOADED_LAG = 2_000

export async function createTiers({ config, engines, log, logger, metrics }: TierNeeds): Promise<Tiers> {
  const { database, redis, objects } = engines
  const clock = Date.now
  const random = Math.random
  const common = { database, redis, log, logger, metrics, clock, random }
  const has = (role: Role) => config.roles.has(role)

  const deadLetters = postgresDeadLetters(database)
  const outbox = createOutbox({
    ...common,
    vacuum: engines.needsVacuum,
    bury: (letters) => deadLetters.store('outbox', letters),
  })
  const accounts = await createAccounts({ ...common, signingKeys: signingKeys(config) })
  const engagement = createEngagement({ ...common, store: postgresEngagement(database), posts: database })
  const fanout = createFanout({
    ...common,
    policy: config.policy,
    underLoad: () => fanoutLag > LOADED_LAG,
    observe: fanoutMetrics(metrics),
    flushOutbox: async () => void (await outbox.sweep(0)),
  })
  const graph = createGraph({
    ...common,
    policy: config.policy,
    onFollowers: (author, count) => fanout.crossing.consider(author, count),
  })
  const recommend = createRecommend(common)
  const media = createMedia({ ...common, objects })
  const search = createSearch({ store: postgresSearch(database), log, rows: database })
  const notify = createNotify({ ...common, store: postgresNotifications(database) })
  const methods: OriginHandlers = {
    ...(has('accounts') ? accounts.handlers : {}),
    ...(has('engagement') ? engagement.handlers : {}),
    ...(has('media') ? media.handlers : {}),
    ...(has('search') ? search.handlers : {}),
  }
  const ingest = createIngest({
    ...common,
    outbox,
    deadLetters,
    deferredHandlers: {
      ...deferredFromMethods(methods),
      'post.create': createDeferredPosts({ database, publish: (event) => log.publish([event]) }),
    },
  })

  let fanoutLag = 0
  const consumers: Consumer[] = []
  const stops: (() => Promise<void>)[] = []
  /** What follows from committed events is derived again; what is older than the outbox keeps is derived from nothing. */
  async function restore(sinceMs: number | null): Promise<void> {
    logger.warn({ since: sinceMs }, 'redis may have lost writes: deriving again what was committed since')
    if (sinceMs !== null && clock() - sinceMs > REPLAYABLE_MS) await forgetDerived(redis)
    await Promise.all([fanout.crossing.restoreRegistry(), accounts.publishKeys()])
    if (sinceMs !== null) await replayCommitted(database, log, sinceMs)
  }
  const look = lossGuard({ redis, clock, marginMs: config.policy.replayWindowMs, restore })

  // The log was rewound to the loss, so what was posted since comes again by itself; the registry does not.
  if (engines.redisLostSince !== null) await fanout.crossing.restoreRegistry()

  function startFanout(): void {
    const own = fanout.consume()
    consumers.push(...own)
    stops.push(
      repeatedly('fan-out lag', 2_000, logger, async () => {
        fanoutLag = await own.reduce(async (sum, consumer) => (await sum) + (await consumer.lag()), Promise.resolve(0))
      }),
    )
  }

  return {
    methods,
    endpoints: has('ingest') ? ingest.endpoints : {},
    reindex: () => search.reindex(),
    start() {
      if (has('fanout')) stops.push(repeatedly('heartbeat of redis', HEARTBEAT_EVERY_MS, logger, look))
      if (engines.needsVacuum)
        stops.push(repeatedly('vacuum', VACUUM_EVERY_MS, logger, () => engines.pool.query('VACUUM ANALYZE')))
      if (has('ingest')) {
        outbox.start()
        stops.push(
          () => outbox.stop(),
          repeatedly('dead letters', RECOVER_EVERY_MS, logger, () => ingest.recover()),
        )
      }
      if (has('graph')) {
        consumers.push(graph.consume())
        stops.push(repeatedly('second purges', PURGE_EVERY_MS, logger, () => graph.service.purgeDue()))
      }
      if (has('fanout')) startFanout()
      if (has('engagement')) engagement.start()
      if (has('recommend')) recommend.start()
      if (has('media')) media.start()
      if (has('search')) search.start()
      if (has('notify')) notify.start()
    },
    async close() {
      await Promise.all(stops.map((stop) => stop()))
      await Promise.all(consumers.map((consumer) => consumer.stop()))
      await Promise.all([engagement, recommend, media, search, notify].map((tier) => tier.close()))
    },
  }
}

const signingKeys = (config: Config): SigningKeys => ({
  privateJwk: JSON.parse(config.secrets.JWT_PRIVATE_JWK) as SigningKeys['privateJwk'],
})

function fanoutMetrics(metrics: Metrics) {
  const seconds = metrics.histogram('fanout_seconds', 'From the accepted post to the last timeline of a page')
  const written = metrics.counter('fanout_timelines_total', 'Timelines by what a push did with them', ['outcome'])
  return (page: { acceptedMs: number; doneMs: number; pushed: number; inactive: number; shed: number }) => {
    seconds.observe((page.doneMs - page.acceptedMs) / 1000)
    written.inc({ outcome: 'pushed' }, page.pushed)
    written.inc({ outcome: 'inactive' }, page.inactive)
    written.inc({ outcome: 'shed' }, page.shed)
  }
}
