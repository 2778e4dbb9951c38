/**
 * Repairs what a write's own process may not have finished: marks the post for a recount, and brings liked:{u} to the row
 * as it stands now. Both may be repeated and come late. An event of a like is not believed, the row may have moved on; one of a
 * removal is: whatever was liked before that instant has been taken back.
 */
import type { EventsOf, TidelineEvent } from '#core/events.ts'
import type { RedisPort } from '#core/redis.ts'
import type { Consumer, EventLog } from '../event-log.ts'
import { markDirty } from './counters.ts'
import { agrees, askLikedSet, reflectLike, reflectRemoval } from './liked-set.ts'
import type { EngagementStore } from './store.ts'

export const TOPICS = ['post.liked', 'post.commented', 'comment.deleted'] as const

export function consumeEngagement(log: EventLog, redis: RedisPort, store: EngagementStore): Consumer {
  return log.subscribe({
    group: 'engagement-counters',
    topics: TOPICS,
    handle: (event) => repair(event, redis, store),
  })
}

export async function repair(
  event: TidelineEvent<EventsOf<(typeof TOPICS)[number]>>,
  redis: RedisPort,
  store: EngagementStore,
): Promise<void> {
  const { postId, userId } = event.data
  // The event's own time: a mark that comes late must not put the recount off.
  const mark = markDirty(postId, event.time)
  if (event.type !== 'post.liked') {
    await redis.pipeline([mark])
    return
  }
  const { state, at, version } = event.data
  if (state === 'unliked') {
    await redis.pipeline([mark, reflectRemoval(userId, postId, version)])
    return
  }
  const [, ...said] = await redis.pipeline([mark, ...askLikedSet(userId, postId)])
  // Mostly the write's own process has done it, or there is no set: the store is asked where neither is so.
  if (agrees(said, at)) return
  const row = await store.likeOf(postId, userId)
  if (row !== null) await reflectLike(redis, userId, postId, row)
}
