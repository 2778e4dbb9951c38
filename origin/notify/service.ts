/** Which events people are told of, and what makes two of them one notification. */
import type { EventsOf, TidelineEvent } from '#core/events.ts'
import { type IdFactory, idShard } from '#core/ids.ts'
import type { NewNotification, NotificationStore } from './store.ts'

export const NOTIFY_TOPICS = ['follow.changed', 'post.liked', 'post.commented'] as const
export type NotifyEvent = TidelineEvent<EventsOf<(typeof NOTIFY_TOPICS)[number]>>

const ID_TRIES = 4

type Told = Omit<NewNotification, 'notificationId' | 'createdMs'>

/** Null for what nobody needs to know: one's own doing, and things taken back. */
function notificationOf(event: NotifyEvent): Told | null {
  const told = describe(event)
  return told === null || told.userId === told.actorId ? null : told
}

function describe(event: NotifyEvent): Told | null {
  switch (event.type) {
    case 'follow.changed': {
      const { followerId, followeeId, state } = event.data
      if (state === 'removed') return null
      const kind = state === 'active' ? 'follow' : 'follow-request'
      const dedupeKey = `${kind}:${followeeId}:${followerId}`
      return { userId: followeeId, kind, actorId: followerId, subjectId: null, dedupeKey }
    }
    case 'post.liked': {
      const { postId, userId, authorId, state } = event.data
      if (state === 'unliked') return null
      return {
        userId: authorId,
        kind: 'like',
        actorId: userId,
        subjectId: postId,
        dedupeKey: `like:${postId}:${userId}`,
      }
    }
    case 'post.commented': {
      const { postId, commentId, userId, authorId } = event.data
      const dedupeKey = `comment:${commentId}`
      return { userId: authorId, kind: 'comment', actorId: userId, subjectId: postId, dedupeKey }
    }
    default:
      return null
  }
}

/** Tells of one event; of a repeated one, nothing. */
export async function notify(store: NotificationStore, ids: IdFactory, event: NotifyEvent): Promise<void> {
  const told = notificationOf(event)
  if (told === null) return
  for (let attempt = 0; attempt < ID_TRIES; attempt++) {
    const notificationId = ids.next(idShard(told.userId))
    if ((await store.add({ ...told, notificationId, createdMs: event.time })) !== 'id-taken') return
  }
  throw new Error(`no free notification id in ${ID_TRIES} tries`)
}
