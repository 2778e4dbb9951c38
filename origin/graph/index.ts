/** The graph tier: what follows, blocks and mutes mean for the inverse table, counts and timelines. */
import type { Database } from '#drizzle/database.ts'
import type { Consumer, EventLog } from '../event-log.ts'
import { consumeGraph } from './consumer.ts'
import { postgresGraph } from './postgres.ts'
import { type GraphNeeds, type GraphService, graphService } from './service.ts'

export interface Graph {
  service: GraphService
  consume(): Consumer
}

export function createGraph(needs: Omit<GraphNeeds, 'store'> & { database: Database; log: EventLog }): Graph {
  const service = graphService({ ...needs, store: postgresGraph(needs.database) })
  return { service, consume: () => consumeGraph(needs.log, service) }
}
