/** The fan-out tier: posts into timelines, authors across the celebrity line. Needs a database, Redis and the log. */
import type { Database } from '#drizzle/database.ts'
import type { EventLog } from '../event-log.ts'
import type { Logger } from '../observe/logger.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { OriginRedis } from '../redis/index.ts'
import { consumeFanout, type FanoutConsumers } from './consumer.ts'
import { type Crossing, type CrossingNeeds, crossing } from './crossing.ts'
import { createLanes, type Lanes } from './lanes.ts'
import { type Load, loadOf } from './load.ts'
import { fanoutMetrics } from './metrics.ts'
import { postgresFanout } from './postgres.ts'
import { NEARLY_FULL, redisMemory } from './redis-memory.ts'
import { type FanoutNeeds, type FanoutService, fanoutService } from './service.ts'

export type { FanoutConsumers } from './consumer.ts'

type FanoutTierNeeds = Omit<
  FanoutNeeds & CrossingNeeds,
  'store' | 'publish' | 'lanes' | 'load' | 'observe' | 'redis'
> & {
  database: Database
  log: EventLog
  redis: OriginRedis
  logger: Logger
  metrics: Metrics
}

export interface Fanout {
  service: FanoutService
  crossing: Crossing
  consume(): FanoutConsumers
  /** Whose turn it is at Redis; for work of other tiers that can wait. */
  lanes: Lanes
  /** Looks how full Redis is. Call it about once a second. */
  look(): Promise<void>
  /** Says how many events wait to be pushed. */
  behind(events: number): void
}

export function createFanout(needs: FanoutTierNeeds): Fanout {
  const { log, redis } = needs
  const lanes = createLanes(needs.clock)
  const metrics = fanoutMetrics(needs.metrics, lanes)
  let waiting = 0
  let memory = 0
  let saidThatItEvicts = false
  const load = (): Load => loadOf(waiting, memory)
  const store = postgresFanout(needs.database)
  const inner = {
    ...needs,
    store,
    redis: lanes.timed(redis),
    publish: log.publish,
    lanes,
    load,
    observe: metrics.page,
  }
  const service = fanoutService(inner)
  const crossings = crossing(inner)
  return {
    service,
    crossing: crossings,
    lanes,
    consume: () => consumeFanout(log, service, crossings),
    async look() {
      const { share, evicting } = await redisMemory(redis)
      memory = share
      if (evicting.length > 0 && !saidThatItEvicts) {
        needs.logger.warn({ evicting }, 'redis evicts keys, some of which nobody can derive again: set noeviction')
        saidThatItEvicts = true
      }
      lanes.squeeze(memory >= NEARLY_FULL)
      metrics.looked(memory)
    },
    behind(events) {
      waiting = events
    },
  }
}
