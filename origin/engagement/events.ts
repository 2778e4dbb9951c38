/**
 * The events of engagement. Their ids derive from the fact and its version (correctness: store and log), so that a
 * repeated request publishes the same event again rather than another one.
 */
import type { EventData, EventType, TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import type { LikeState, StoredComment } from './store.ts'

/** What an event takes from the request that caused it. */
export interface Origin {
  traceparent: string | null
  nowMs: number
}

interface Fact<T extends EventType> {
  id: string
  type: T
  actor: Id
  postId: Id
  data: EventData<T>
}

/** Keyed by the post: all that happens to one post stays in order. */
function event<T extends EventType>({ id, type, actor, postId, data }: Fact<T>, origin: Origin): TidelineEvent<T> {
  const { traceparent, nowMs } = origin
  return { id, type, version: 1, time: nowMs, actor, key: postId, traceparent, data } as TidelineEvent<T>
}

export function likeEvent(like: { postId: Id; userId: Id; authorId: Id }, row: LikeState, origin: Origin) {
  const { postId, userId, authorId } = like
  const data = { postId, userId, authorId, state: row.state, at: row.at, version: row.version }
  return event(
    { id: `like:${postId}:${userId}:${row.version}`, type: 'post.liked', actor: userId, postId, data },
    origin,
  )
}

export function commentEvent(comment: StoredComment, authorId: Id, origin: Origin) {
  const { postId, commentId, userId, parentId, version } = comment
  const data = { postId, commentId, userId, authorId, parentId, version }
  // An edit is another version of the same fact.
  const id = version === 1 ? `comment:${commentId}` : `comment:${commentId}:${version}`
  return event({ id, type: 'post.commented', actor: userId, postId, data }, origin)
}

export function commentDeletedEvent(comment: StoredComment, actor: Id, origin: Origin) {
  const { postId, commentId, userId } = comment
  const data = { postId, commentId, userId, version: comment.deleted ? comment.version : comment.version + 1 }
  return event({ id: `comment-deleted:${commentId}`, type: 'comment.deleted', actor, postId, data }, origin)
}

export function shareEvent(share: { postId: Id; userId: Id; authorId: Id }, at: number, origin: Origin) {
  const { postId, userId, authorId } = share
  const data = { postId, userId, authorId, at, version: 1 }
  return event({ id: `share:${postId}:${userId}`, type: 'post.shared', actor: userId, postId, data }, origin)
}
