/**
 * Repairs what a write's own process may not have finished: marks the post for a recount, and brings liked:{u} to the row
 * as it stands now. Both may be repeated and come late. An event of a like is not believed, the row may have moved on; one of a
 * removal is: whatever was liked before that instant has been taken back.
 */
import type { EventsOf, TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import { type Command, RedisAwayError, type RedisPort } from '#core/redis.ts'
import type { Consumer, EventLog } from '../event-log.ts'
import { createGroupCommit } from '../group-commit.ts'
import { markDirty } from './counters.ts'
import { agrees, askLikedSet, reflectLike, reflectRemoval } from './liked-set.ts'
import type { EngagementStore } from './store.ts'

export const TOPICS = ['post.liked', 'post.commented', 'comment.deleted'] as const

/** Events of one partition looked at side by side, and of all: a hot post's lie in one partition, and each is a look into Redis. */
const TOGETHER = 100

export function consumeEngagement(log: EventLog, redis: RedisPort, store: EngagementStore): Consumer {
  const repairing = repairs(redis, store)
  return log.subscribe({
    group: 'engagement-counters',
    topics: TOPICS,
    concurrency: TOGETHER,
    together: TOGETHER,
    // The write's own process has done it, nearly always.
    gathers: true,
    handle: (event) => repairing.repair(event),
  })
}

export type Repairable = TidelineEvent<EventsOf<(typeof TOPICS)[number]>>

export interface Repairs {
  /** May be repeated, in any order and side by side: those of the same moment ask Redis together. */
  repair(event: Repairable): Promise<void>
}

export function repairs(redis: RedisPort, store: EngagementStore): Repairs {
  const looks = createGroupCommit(
    (events: readonly Repairable[]) => look(redis, events),
    // All of it may be repeated. An outage is everybody's: events wait for it together.
    (error) => !(error instanceof RedisAwayError),
  )
  return {
    async repair(event) {
      const [isWhole] = await looks.append([event])
      if (isWhole || event.type !== 'post.liked') return
      const { postId, userId } = event.data
      const row = await store.likeOf(postId, userId)
      if (row !== null) await reflectLike(redis, userId, postId, row)
    },
  }
}

/**
 * Marks posts, and takes back what was taken back.
 * @returns for each event whether nothing is left to do: mostly the write's own process has done it, or there is no liked:{u}
 */
async function look(redis: RedisPort, events: readonly Repairable[]): Promise<boolean[]> {
  const moved = new Map<Id, number>()
  // The event's own time: a mark that comes late must not put the recount off.
  for (const { data, time } of events) moved.set(data.postId, Math.max(time, moved.get(data.postId) ?? time))
  const marks = [...moved].map(([postId, ms]) => markDirty(postId, ms))
  const asked = events.map((event): Command[] => {
    if (event.type !== 'post.liked') return []
    const { postId, userId, state, version } = event.data
    return state === 'liked' ? askLikedSet(userId, postId) : [reflectRemoval(userId, postId, version)]
  })
  const replies = await redis.pipeline([...marks, ...asked.flat()])
  let next = marks.length
  return events.map((event, i) => {
    const said = replies.slice(next, next + (asked[i]?.length ?? 0))
    next += said.length
    return event.type !== 'post.liked' || event.data.state !== 'liked' || agrees(said, event.data.at)
  })
}
