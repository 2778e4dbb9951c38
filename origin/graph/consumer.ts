import type { Consumer, EventLog } from '../event-log.ts'
import type { GraphService } from './service.ts'

/** How work arrives: changes of follows, blocks and mutes, and the second purges on a timer of their own. */
export function consumeGraph(log: EventLog, service: GraphService): Consumer {
  return log.subscribe({
    group: 'graph',
    topics: ['follow.changed', 'block.changed'],
    handle: (event) =>
      event.type === 'follow.changed' ? service.followChanged(event.data) : service.blockChanged(event.data),
  })
}
