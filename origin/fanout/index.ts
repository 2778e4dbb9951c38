/** The fan-out tier: posts into timelines, authors across the celebrity line. Needs a database, Redis and the log. */
import type { Database } from '#drizzle/database.ts'
import type { Consumer, EventLog } from '../event-log.ts'
import { consumeFanout } from './consumer.ts'
import { type Crossing, type CrossingNeeds, crossing } from './crossing.ts'
import { postgresFanout } from './postgres.ts'
import { type FanoutNeeds, type FanoutService, fanoutService } from './service.ts'

export interface Fanout {
  service: FanoutService
  crossing: Crossing
  consume(): Consumer[]
}

export function createFanout(
  needs: Omit<FanoutNeeds & CrossingNeeds, 'store' | 'publish'> & { database: Database; log: EventLog },
): Fanout {
  const { log } = needs
  const inner = { ...needs, store: postgresFanout(needs.database), publish: log.publish }
  const service = fanoutService(inner)
  const crossings = crossing(inner)
  return { service, crossing: crossings, consume: () => consumeFanout(log, service, crossings) }
}
