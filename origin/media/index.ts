/** Media: uploads, their checks, and the variants that are made of them. */
import { randomBytes } from 'node:crypto'
import type { Logger } from 'pino'
import { uuidv7 } from '#core/events.ts'
import type { Clock, Random } from '#core/ids.ts'
import type { OriginOutput } from '#core/origin-api.ts'
import type { RedisPort } from '#core/redis.ts'
import type { Database } from '#drizzle/database.ts'
import type { Consumer, EventLog } from '../event-log.ts'
import type { OriginHandlers } from '../internal-api.ts'
import type { ObjectStore } from '../objects/index.ts'
import type { Metrics } from '../observe/metrics.ts'
import { type Loop, wakeable } from '../repeatedly.ts'
import { consumeAccounts, consumeMedia } from './consumer.ts'
import { consumeDeletions } from './deletion.ts'
import { refusingWhileAway } from './outage.ts'
import { postgresMedia, postgresMediaJobs, postgresPurges } from './postgres.ts'
import { type CachePurge, PURGE_POLICY, purgeOnce } from './purge.ts'
import { mediaService } from './service.ts'
import type { Media, PurgeStore } from './store.ts'
import { MEDIA_JOBS, patientWorker, type WorkerNeeds } from './worker.ts'

export { UPLOAD_PREFIX } from './rules.ts'

const SWEEP_EVERY_MS = 600_000
const SWEEP_LIMIT = 500

export interface MediaNeeds {
  database: Database
  objects: ObjectStore
  redis: RedisPort
  log: EventLog
  metrics: Metrics
  logger: Logger
  clock?: Clock
  random?: Random
  /** Told what deletions take away; absent: caches at the edge keep it until it expires. */
  caches?: CachePurge
}

export interface MediaTier {
  handlers: OriginHandlers
  /** Queues the jobs anew that were given up. @returns how many */
  reviveJobs(): Promise<number>
  /** Starts turning events into jobs, working through them, and sweeping what was never completed. */
  start(): void
  /** Stops, and lets the job under way finish. */
  close(): Promise<void>
}

export function createMedia(needs: MediaNeeds): MediaTier {
  const { database, objects, log, metrics, caches, clock = Date.now, random = Math.random } = needs
  const store = postgresMedia(database)
  const jobs = postgresMediaJobs(database)
  const publish: EventLog['publish'] = (events) => log.publish(events)
  const randomHex = () => randomBytes(16).toString('hex')
  const service = mediaService({ store, objects, publish, clock, random, randomHex })
  const purges = postgresPurges(database)
  const purge = async (tags: readonly string[]) => {
    if (caches !== undefined) await purges.request(tags, clock())
  }
  const places = { store, objects, redis: needs.redis, purge, clock }
  const onOutcome = jobMetrics(metrics)
  const work = jobLoop({ ...places, jobs, publish, random, owner: uuidv7(clock, random), onOutcome }, needs.logger)
  const loops = [work, sweepLoop(service, needs.logger), purgeLoop(purges, needs)]
  let consumers: Consumer[] = []

  return {
    handlers: handlersOf(service),
    reviveJobs: () => jobs.revive(clock()),
    start() {
      consumers = [
        consumeMedia(log, jobs, clock, work.wake),
        consumeAccounts(log, jobs, clock, work.wake),
        consumeDeletions(log, places),
      ]
      for (const loop of loops) loop.wake()
    },
    async close() {
      await Promise.all(consumers.map((consumer) => consumer.stop()))
      await Promise.all(loops.map((loop) => loop.stop()))
    },
  }
}

const handlersOf = (service: ReturnType<typeof mediaService>): OriginHandlers => ({
  'media.create': (input) => refusingWhileAway(service.create(input)),
  'media.complete': async (input, { traceparent }) =>
    present(await refusingWhileAway(service.complete(input, traceparent))),
  'media.openForAll': (input) => refusingWhileAway(service.openForAll(input)),
  'media.get': async ({ mediaId }) => present(await service.get(mediaId)),
})

const sweepLoop = (service: ReturnType<typeof mediaService>, logger: Logger): Loop =>
  wakeable('media sweep', SWEEP_EVERY_MS, logger, async () => (await service.sweep(SWEEP_LIMIT)) === SWEEP_LIMIT)

const purgeLoop = (purges: PurgeStore, { caches, logger, clock = Date.now }: MediaNeeds): Loop =>
  wakeable('cache purges', PURGE_POLICY.everyMs, logger, async () => {
    if (caches !== undefined) await purgeOnce(purges, caches, clock)
    // More than one call's worth waits: so many calls a minute are allowed.
    return false
  })

function jobMetrics(metrics: Metrics): NonNullable<WorkerNeeds['onOutcome']> {
  const outcomes = metrics.counter('media_jobs_total', 'Media jobs by outcome', ['outcome'])
  const seconds = metrics.histogram('media_processing_seconds', 'Time for one media job', ['outcome'])
  return (outcome, ms) => {
    outcomes.inc({ outcome })
    seconds.observe({ outcome }, ms / 1_000)
  }
}

/** Works through the jobs; first those of pictures that private accounts have among the public ones. */
function jobLoop(worker: WorkerNeeds, logger: Logger): Loop {
  const look = patientWorker(worker)
  let hasLooked = false
  return wakeable('media jobs', MEDIA_JOBS.idleMs, logger, async () => {
    if (!hasLooked) await worker.jobs.addExposed(worker.clock())
    hasLooked = true
    const outcome = await look()
    return outcome !== 'idle' && outcome !== 'away'
  })
}

function present(media: Media): OriginOutput<'media.get'> {
  const { mediaId, userId, key, state, width, height, blur, alt, failure } = media
  const type = media.contentType.startsWith('video/') ? 'video' : 'image'
  return { mediaId, userId, key, state, type, width, height, blur, alt, failure }
}
