/** Engagement: likes, comments and shares, and the counts that follow from them. */
import type { Logger } from 'pino'
import { uuidv7 } from '#core/events.ts'
import type { Clock, Id, Random } from '#core/ids.ts'
import type { RedisPort } from '#core/redis.ts'
import type { Database } from '#drizzle/database.ts'
import type { Consumer, EventLog, OperableEventLog } from '../event-log.ts'
import type { OriginHandlers } from '../internal-api.ts'
import type { Metrics } from '../observe/metrics.ts'
import { repeatedly } from '../repeatedly.ts'
import { AFTER_LOSS, deriveLost, noteLoss } from './after-loss.ts'
import { postgresCommentAliases } from './aliases.ts'
import { consumeEngagement } from './consumer.ts'
import { shardPicker } from './counter-shards.ts'
import { rebuildLiked } from './liked-set.ts'
import { createReconcile, RECONCILE } from './reconcile.ts'
import { createRollUp, type Failed, ROLL_UP } from './roll-up.ts'
import { type EngagementService, engagementService } from './service.ts'
import type { EngagementStore } from './store.ts'
import { gatherTaps } from './taps.ts'
import { postgresWaitingEdits } from './waiting-edits.ts'

export {
  BUCKET_ROWS,
  type CassandraSession,
  type CassandraSettings,
  cassandraEngagement,
  cassandraEnvironment,
  cassandraSession,
  cassandraSettings,
} from './cassandra/index.ts'
export { postgresEngagement } from './postgres.ts'
export { type EngagementStore, type LikeState, likeVersion } from './store.ts'

export interface EngagementNeeds {
  store: EngagementStore
  redis: RedisPort
  log: EventLog & Pick<OperableEventLog, 'since'>
  /** Where the posts' rows and their counts are, whatever engine the store is. */
  posts: Database
  metrics: Metrics
  logger: Logger
  clock?: Clock
  random?: Random
}

export interface Engagement {
  handlers: OriginHandlers
  /** Starts consuming and rolling counts up. A process that only answers calls need not. */
  start(): void
  /** Whether a person has deleted a comment of theirs under this very id, be it before it came. */
  isTakenBack: EngagementService['isTakenBack']
  /** Makes liked:{u} if it does not stand. */
  rebuildLiked(userId: Id): Promise<void>
  /** Has what Redis may have lost since an instant derived again, by the processes that were started. */
  noteLoss(sinceMs: number): Promise<void>
  /** Stops both and lets what is under way finish. */
  close(): Promise<void>
}

type Settled = EngagementNeeds & { clock: Clock; random: Random }

export function createEngagement(needs: EngagementNeeds): Engagement {
  const settled: Settled = { clock: Date.now, random: Math.random, ...needs }
  const { store, redis, log, clock } = settled
  const service = serviceOf(settled)
  const timers = timersOf(settled)
  const rebuilds = rebuildsOf(settled)
  let consumer: Consumer | null = null
  const stops: (() => Promise<void>)[] = []
  return {
    handlers: handlersOf(service, { onReader: rebuilds.begin, onEngaged: engagedMetrics(needs.metrics) }),
    start() {
      consumer = consumeEngagement(log, redis, store)
      stops.push(...timers())
    },
    isTakenBack: service.isTakenBack,
    rebuildLiked: rebuilds.rebuild,
    noteLoss: (sinceMs) => noteLoss(redis, clock, sinceMs),
    async close() {
      await consumer?.stop()
      await Promise.all([rebuilds.idle(), ...stops.map((stop) => stop())])
    },
  }
}

function serviceOf({ store, redis, log, posts, logger, clock, random }: Settled): EngagementService {
  const taps = gatherTaps({ redis, clock, shards: shardPicker(clock, random) })
  const publish: EventLog['publish'] = (events) => log.publish(events)
  const [aliases, waitingEdits] = [postgresCommentAliases(posts), postgresWaitingEdits(posts)]
  return engagementService({ store, aliases, waitingEdits, redis, publish, clock, taps, logger })
}

/** What runs on timers. @returns starts it, and answers what stops each */
function timersOf({ store, redis, log, posts, metrics, logger, clock, random }: Settled) {
  const owner = uuidv7(clock, random)
  const rollUp = createRollUp({
    ...{ store, redis, clock, owner, posts },
    onRecount: recountMetrics(metrics),
    onFailures: failureReport(metrics, logger),
  })
  const reconcile = createReconcile({ ...{ store, redis, clock, owner, logger }, onPortion: reconcileMetrics(metrics) })
  const derive = () => deriveLost({ redis, store, log, clock })
  return () => [
    repeatedly('roll-up of counts', ROLL_UP.everyMs, logger, rollUp.tick),
    repeatedly('likes after a loss of redis', AFTER_LOSS.everyMs, logger, derive),
    repeatedly('reconciliation of likes', RECONCILE.everyMs, logger, reconcile.tick),
  ]
}

/** Makes people's liked:{u}, one at a time of each. */
function rebuildsOf({ store, redis, logger, clock, random }: Settled) {
  const rebuilding = new Set<Id>()
  const background = new Set<Promise<void>>()
  const rebuild = async (userId: Id) => {
    if (rebuilding.has(userId)) return
    rebuilding.add(userId)
    await rebuildLiked(redis, store, userId, uuidv7(clock, random)).finally(() => rebuilding.delete(userId))
  }
  return {
    rebuild,
    /** Nobody waits for it but the close. */
    begin(userId: Id): void {
      const done = rebuild(userId).catch((error: unknown) => logger.warn({ err: error }, 'liked set was not rebuilt'))
      background.add(done)
      void done.then(() => background.delete(done))
    },
    idle: () => Promise.all(background),
  }
}

interface Listeners {
  /** Told who asked for their likes: the next feed should find them in Redis. */
  onReader(userId: Id): void
  /** Told what somebody did with a post. */
  onEngaged(kind: 'like' | 'comment' | 'share'): void
}

function handlersOf(service: EngagementService, { onReader, onEngaged }: Listeners): OriginHandlers {
  return {
    async 'engagement.like'(input, { traceparent }) {
      const answer = await service.like(input, traceparent)
      if (answer.result === 'added') onEngaged('like')
      return answer
    },
    'engagement.unlike': (input, { traceparent }) => service.unlike(input, traceparent),
    'engagement.likers': (input) => service.likers(input),
    'engagement.likedAmong': async ({ userId, postIds }) => {
      onReader(userId)
      return { liked: await service.likedAmong(userId, postIds) }
    },
    async 'engagement.comment'(input, { traceparent }) {
      const comment = await service.comment(input, traceparent)
      onEngaged('comment')
      return comment
    },
    'engagement.comments': (input) => service.comments(input),
    'engagement.editComment': (input, { traceparent }) => service.editComment(input, traceparent),
    'engagement.deleteComment': async (input, { traceparent }) => {
      await service.deleteComment(input, traceparent)
      return {}
    },
    async 'engagement.share'(input, { traceparent }) {
      const answer = await service.share(input, traceparent)
      if (answer.result === 'added') onEngaged('share')
      return answer
    },
  }
}

function engagedMetrics(metrics: Metrics): Listeners['onEngaged'] {
  const engaged = metrics.counter('engagements_total', 'Likes, comments and shares that were new', ['kind'])
  return (kind) => engaged.inc({ kind })
}

function recountMetrics(metrics: Metrics): (drift: number) => void {
  const recounts = metrics.counter('counts_recounted_total', 'Posts recounted from the engagement store')
  const drifted = metrics.counter('counts_drift_total', 'Likes and comments by which recounts moved counters')
  return (drift) => {
    recounts.inc()
    drifted.inc(drift)
  }
}

function failureReport(metrics: Metrics, logger: Logger): (failed: readonly Failed[]) => void {
  const delayed = metrics.counter(
    'counts_delayed_total',
    'Times that a post could not be counted or written, and was put back',
  )
  return (failed) => {
    delayed.inc(failed.length)
    const [first] = failed
    logger.warn({ err: first?.error, posts: failed.length, first: first?.postId }, 'counts of posts are behind')
  }
}

function reconcileMetrics(metrics: Metrics): (checked: number, repaired: number) => void {
  const likes = metrics.counter('likes_reconciled_total', 'Likes looked at for what a crash left undone', ['outcome'])
  return (checked, repaired) => {
    likes.inc({ outcome: 'whole' }, checked - repaired)
    likes.inc({ outcome: 'repaired' }, repaired)
  }
}
