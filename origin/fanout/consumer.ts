import type { Consumer, EventLog } from '../event-log.ts'
import type { Crossing } from './crossing.ts'
import type { FanoutService } from './service.ts'

/**
 * How work arrives. Posts and changes of mode share a topic and an author's partition, so that fan-out meets them in the
 * order they were made; pages and deletions are groups of their own, so that a large fan-out delays no small one.
 */
export function consumeFanout(log: EventLog, service: FanoutService, crossing: Crossing): Consumer[] {
  return [
    log.subscribe({
      group: 'fanout',
      topics: ['post.created'],
      handle: async (event) => {
        if (event.type === 'celebrity.changed') await crossing.modeChanged(event.data)
        else if (!event.data.awaitsMedia) await service.postCreated(event.data.postId)
      },
    }),
    log.subscribe({
      group: 'fanout-media',
      topics: ['media.ready'],
      handle: async ({ data }) => {
        if (data.postId !== null) await service.postCreated(data.postId)
      },
    }),
    log.subscribe({ group: 'fanout-pages', topics: ['fanout.page'], handle: ({ data }) => service.page(data) }),
    log.subscribe({
      group: 'fanout-deletes',
      topics: ['post.deleted'],
      handle: ({ data }) => service.postDeleted(data.postId),
    }),
  ]
}
