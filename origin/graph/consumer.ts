import type { Consumer, EventLog } from '../event-log.ts'
import type { GraphService } from './service.ts'

/** How work arrives: changes of follows, blocks and people. The second purges come on a timer, in tiers.ts. */
export function consumeGraph(log: EventLog, service: GraphService): Consumer {
  return log.subscribe({
    group: 'graph',
    topics: ['follow.changed', 'block.changed', 'user.changed'],
    handle(event) {
      if (event.type === 'follow.changed') return service.followChanged(event.data)
      return event.type === 'block.changed' ? service.blockChanged(event.data) : service.personChanged(event.data)
    },
  })
}
