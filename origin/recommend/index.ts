/** The recommend tier: impressions, affinities, and what is trending. Trained candidates (rec:{u}) come with the nightly job. */
import type { Clock } from '#core/ids.ts'
import type { RedisPort } from '#core/redis.ts'
import type { Database } from '#drizzle/database.ts'
import type { Consumer, EventLog } from '../event-log.ts'
import type { Logger } from '../observe/logger.ts'
import type { Metrics } from '../observe/metrics.ts'
import { countAffinity } from './affinity.ts'
import { recordSeen } from './signals.ts'
import { refreshTrending } from './trending.ts'

export interface RecommendNeeds {
  database: Database
  redis: RedisPort
  log: EventLog
  logger: Logger
  metrics: Metrics
  clock: Clock
}

export interface Recommend {
  start(): void
  /** Computes what is trending now rather than at the next minute. */
  refresh(): Promise<void>
  close(): Promise<void>
}

const REFRESH_MS = 60_000

export function createRecommend({ database, redis, log, logger, metrics, clock }: RecommendNeeds): Recommend {
  const impressions = metrics.counter(
    'impressions_total',
    'Posts that people were reported to have seen, repeated reports and redeliveries included',
  )
  let consumer: Consumer | null = null
  let affinities: Consumer | null = null
  let timer: NodeJS.Timeout | undefined
  let working = Promise.resolve()
  const refresh = () => refreshTrending(database, redis, clock)
  return {
    refresh,
    start() {
      consumer = log.subscribe({
        group: 'signals',
        topics: ['signal.seen'],
        async handle({ data }) {
          await recordSeen(data, redis, clock)
          impressions.inc(data.postIds.length)
        },
      })
      affinities = log.subscribe({
        group: 'affinities',
        topics: ['post.liked', 'post.commented'],
        handle: (event) => countAffinity(event, database),
      })
      const round = () => {
        working = refresh().catch((error: unknown) => logger.warn({ err: error }, 'trends were not computed'))
      }
      round()
      timer = setInterval(round, REFRESH_MS)
    },
    async close() {
      clearInterval(timer)
      await Promise.all([consumer?.stop(), affinities?.stop()])
      await working
    },
  }
}
