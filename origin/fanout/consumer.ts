import type { Consumer, EventLog } from '../event-log.ts'
import type { Crossing } from './crossing.ts'
import type { FanoutService } from './service.ts'

/** Pages read their followers while others are written: more of them than may write at once (lanes.ts). */
const PAGES_AT_ONCE = 16
/** Purges wait for everything else; what waits holds its page of followers. */
const PURGES_AT_ONCE = 4

/**
 * What waits in the first is a reader's loss, in the second nobody's: deleted posts are not shown meanwhile, and the posts of an
 * author who crosses the line are both pushed and pulled.
 */
export interface FanoutConsumers {
  pushes: Consumer[]
  purges: Consumer[]
}

/**
 * How work arrives. Posts and changes of mode share a topic and an author's partition, so that fan-out meets them in the
 * order they were made. Pages, and what takes deleted posts back or repairs after a crossing, are groups of their own, so that a
 * large fan-out delays no small one, and no purge a page that lies behind it.
 */
export function consumeFanout(log: EventLog, service: FanoutService, crossing: Crossing): FanoutConsumers {
  const posts = log.subscribe({
    group: 'fanout',
    topics: ['post.created'],
    handle: async (event) => {
      if (event.type === 'celebrity.changed') await crossing.modeChanged(event.data)
      else if (!event.data.awaitsMedia) await service.postCreated(event.data.postId)
    },
  })
  const videos = log.subscribe({
    group: 'fanout-media',
    topics: ['media.ready'],
    handle: async ({ data }) => {
      if (data.postId !== null) await service.postCreated(data.postId)
    },
  })
  const pages = log.subscribe({
    group: 'fanout-pages',
    topics: ['fanout.page'],
    concurrency: PAGES_AT_ONCE,
    // A page is in no order to any other.
    together: PAGES_AT_ONCE,
    handle: async (event) => {
      if (event.type === 'fanout.page' && event.data.op === 'add') await service.page(event.data)
    },
  })
  const deletes = log.subscribe({
    group: 'fanout-deletes',
    topics: ['post.deleted'],
    handle: ({ data }) => service.postDeleted(data.postId),
  })
  const removals = log.subscribe({
    group: 'fanout-removals',
    topics: ['fanout.page'],
    concurrency: PURGES_AT_ONCE,
    handle: async (event) => {
      if (event.type === 'crossing.page') await crossing.page(event.data)
      else if (event.data.op === 'remove') await service.page(event.data)
    },
  })
  return { pushes: [posts, videos, pages], purges: [deletes, removals] }
}
