import type { Consumer, EventLog } from '../event-log.ts'
import type { GraphService } from './service.ts'

/** How work arrives: changes of follows and blocks. The second purges come on a timer, in tiers.ts. */
export function consumeGraph(log: EventLog, service: GraphService): Consumer {
  return log.subscribe({
    group: 'graph',
    topics: ['follow.changed', 'block.changed'],
    handle: (event) =>
      event.type === 'follow.changed' ? service.followChanged(event.data) : service.blockChanged(event.data),
  })
}
