/**
 * The rules of likes, comments and shares. Each write goes to the store, then to the counters and the log, and is
 * acknowledged after store and log; the counters follow from the event if Redis was away or refused.
 */
import type { Logger } from 'pino'
import { z } from 'zod'
import { decodeCursor, encodeCursor } from '#core/cursor.ts'
import type { TidelineEvent } from '#core/events.ts'
import { type Clock, type Id, idMs } from '#core/ids.ts'
import { mayBeOnItsWay } from '#core/late-writes.ts'
import { problems } from '#core/problem.ts'
import { RedisAwayError, RedisCommandError, type RedisPort } from '#core/redis.ts'
import type { HandlerInput } from '../internal-api.ts'
import type { CommentAliases } from './aliases.ts'
import type { CountMove } from './counters.ts'
import { commentDeletedEvent, commentEvent, likeEvent, type Origin, shareEvent } from './events.ts'
import { reflectLike } from './liked-set.ts'
import { type EngagementStore, type LikeOutcome, type LikeState, likeVersion, type StoredComment } from './store.ts'
import type { Taps } from './taps.ts'
import type { WaitingEdits } from './waiting-edits.ts'

/** A stamp from further ahead than clocks differ would be newer than every honest tap to come. */
const MAX_AHEAD_MS = 60_000

export interface EngagementParts {
  store: EngagementStore
  aliases: CommentAliases
  waitingEdits: WaitingEdits
  redis: RedisPort
  publish(events: readonly TidelineEvent[]): Promise<void>
  clock: Clock
  taps: Taps
  logger: Logger
}

type Like = HandlerInput<'engagement.like'>

export function engagementService(parts: EngagementParts) {
  const { store } = parts
  return {
    async like(like: Like, traceparent: string | null) {
      const { changed, version } = await setLike(parts, like, 'liked', traceparent)
      return { result: changed ? ('added' as const) : ('already' as const), version }
    },

    async unlike(like: Like, traceparent: string | null) {
      const { changed, version } = await setLike(parts, like, 'unliked', traceparent)
      return { result: changed ? ('removed' as const) : ('absent' as const), version }
    },

    async likers({ postId, limit, cursor }: HandlerInput<'engagement.likers'>) {
      const after = cursor === null ? null : decodeCursor('likers', cursor, likersPosition)
      const position = after === null ? null : { at: after[0], userId: after[1] }
      const found = await store.likers(postId, limit + 1, position)
      return page(found, limit, ({ at, userId }) => encodeCursor('likers', [at, userId]))
    },

    likedAmong: (userId: Id, postIds: readonly Id[]) =>
      postIds.length === 0 ? Promise.resolve([]) : store.likedAmong(userId, postIds),

    comment: (input: HandlerInput<'engagement.comment'>, traceparent: string | null) =>
      addComment(parts, input, traceparent),

    async comments({ postId, parentId, limit, cursor }: HandlerInput<'engagement.comments'>) {
      const kind = parentId === null ? 'comments' : `replies:${parentId}`
      const [position] = cursor === null ? [null] : decodeCursor(kind, cursor, commentsPosition)
      const { items, next } =
        parentId === null
          ? await store.topComments(postId, limit, position)
          : await store.replies(postId, parentId, limit, position)
      return { items, cursor: next === null ? null : encodeCursor(kind, [next]) }
    },

    editComment: (input: HandlerInput<'engagement.editComment'>, traceparent: string | null) =>
      editComment(parts, input, traceparent),

    deleteComment: (input: HandlerInput<'engagement.deleteComment'>, traceparent: string | null) =>
      deleteComment(parts, input, traceparent),

    isTakenBack: (named: CommentName) => isTakenBack(store, named),

    share: (input: HandlerInput<'engagement.share'>, traceparent: string | null) => share(parts, input, traceparent),
  }
}

export type EngagementService = ReturnType<typeof engagementService>

const id = z.string().regex(/^\d{1,20}$/)
const likersPosition = z.tuple([z.number().int(), id]).readonly()
const commentsPosition = z.tuple([id]).readonly()

async function setLike(parts: EngagementParts, like: Like, state: LikeState['state'], traceparent: string | null) {
  notAhead(like.at, parts.clock)
  const { postId, userId, at } = like
  const write = { postId, userId, state, at, version: likeVersion(at, state) }
  const [row] = await Promise.all([parts.store.setLike(write), mark(parts, postId)])
  // Side by side: what of this is repeated, or comes late, changes nothing.
  await Promise.all([
    derived(parts, follow(parts, like, row)),
    parts.publish([likeEvent(like, row, originOf(parts, traceparent))]),
  ])
  return row
}

/** Has the counters and the person's liked:{u} follow the row. */
async function follow({ redis, taps }: EngagementParts, { postId, userId }: Like, row: LikeOutcome): Promise<void> {
  const likes = row.changed ? (row.state === 'liked' ? 1 : -1) : 0
  const isThere = await taps.moveLike({ postId, likes, comments: 0 }, userId)
  // A removal is noted also where no set stands: one may be on its way.
  if (isThere || row.state === 'unliked') await reflectLike(redis, userId, postId, row)
}

async function addComment(
  parts: EngagementParts,
  input: HandlerInput<'engagement.comment'>,
  traceparent: string | null,
): Promise<StoredComment> {
  const { postId, commentId, userId, authorId, body } = input
  notAhead(idMs(commentId), parts.clock)
  const parentId = await topOf(parts, postId, userId, input.parentId)
  const write = { postId, commentId, parentId, userId, body, createdMs: idMs(commentId) }
  const [{ added, comment }] = await Promise.all([parts.store.addComment(write), mark(parts, postId)])
  // By the same author it is there already, whatever happened to the answer: a repetition counts nothing.
  if (comment.userId !== userId) throw problems.conflict('id-taken', 'This comment id is taken; use another one.')
  // Nobody is told of what was deleted before it came.
  if (comment.deleted) return comment
  await count(parts, { postId, likes: 0, comments: added ? 1 : 0 })
  await parts.publish([commentEvent(comment, authorId, originOf(parts, traceparent))])
  return comment
}

async function editComment(
  parts: EngagementParts,
  input: HandlerInput<'engagement.editComment'>,
  traceparent: string | null,
): Promise<StoredComment | null> {
  const { postId, userId, authorId, body, at } = input
  notAhead(at, parts.clock)
  const named = (await commentOf(parts, postId, input.commentId, userId)) ?? (await keepEdit(parts, input))
  if (named === null) return null
  const { commentId, userId: writer } = named
  if (userId !== writer) throw problems.forbidden('Only its author may edit a comment.')
  const edited = await parts.store.editComment({ postId, commentId, body, at })
  if (edited === null) throw problems.notFound('comment')
  if (edited.comment.deleted) throw problems.deleted('comment')
  await parts.publish([commentEvent(edited.comment, authorId, originOf(parts, traceparent))])
  return edited.comment
}

/**
 * Keeps an edit of a comment that may be on its way. Whoever brings it stores it first, and looks for an edit then.
 * @returns the comment, where it has come meanwhile
 * @throws Problem 404 where nothing of theirs can come any more
 */
async function keepEdit(
  parts: EngagementParts,
  { postId, commentId, userId, body, at }: HandlerInput<'engagement.editComment'>,
): Promise<StoredComment | null> {
  if (!mayBeOnItsWay(commentId, userId, parts.clock())) throw problems.notFound('comment')
  await parts.waitingEdits.keep({ postId, commentId, userId, body, at })
  return commentOf(parts, postId, commentId, userId)
}

async function deleteComment(
  parts: EngagementParts,
  input: HandlerInput<'engagement.deleteComment'>,
  traceparent: string | null,
): Promise<void> {
  const { postId, userId, postAuthorId } = input
  const comment =
    (await commentOf(parts, postId, input.commentId, userId)) ??
    (await forestall(parts, postId, input.commentId, userId))
  const { commentId } = comment
  if (userId !== comment.userId && userId !== postAuthorId) {
    throw problems.forbidden('Only its author or the author of the post may delete a comment.')
  }
  const [{ changed }] = await Promise.all([parts.store.removeComment(postId, commentId), mark(parts, postId)])
  await count(parts, { postId, likes: 0, comments: changed ? -1 : 0 })
  await parts.publish([commentDeletedEvent(comment, userId, originOf(parts, traceparent))])
}

/**
 * Leaves a tombstone for a comment that may be on its way: whoever was promised it with a 202 has changed their mind.
 * @returns what is to be deleted under this id; tombstones may be deleted again
 * @throws Problem 404 where nothing of theirs can come any more
 */
async function forestall(parts: EngagementParts, postId: Id, commentId: Id, userId: Id): Promise<StoredComment> {
  if (!mayBeOnItsWay(commentId, userId, parts.clock())) throw problems.notFound('comment')
  const tombstone = await parts.store.forestallComment({ postId, commentId, userId, createdMs: idMs(commentId) })
  // It may have come under another id meanwhile. Whoever keeps it so says where first, and looks for a tombstone then.
  const promised = await parts.aliases.find({ postId, userId, aliasId: commentId })
  return (promised !== null && (await parts.store.comment(postId, promised))) || tombstone
}

type CommentName = Pick<StoredComment, 'postId' | 'commentId' | 'userId'>

/** Whether a person has deleted what stands, or was to stand, under this very id. */
async function isTakenBack(store: EngagementStore, { postId, commentId, userId }: CommentName): Promise<boolean> {
  const named = await store.comment(postId, commentId)
  return named?.userId === userId && named.deleted
}

async function share(parts: EngagementParts, input: HandlerInput<'engagement.share'>, traceparent: string | null) {
  const { added, at } = await parts.store.share(input)
  await parts.publish([shareEvent(input, at, originOf(parts, traceparent))])
  return { result: added ? ('added' as const) : ('already' as const) }
}

const originOf = ({ clock }: EngagementParts, traceparent: string | null): Origin => ({ traceparent, nowMs: clock() })

const count = (parts: EngagementParts, move: CountMove): Promise<void> => derived(parts, parts.taps.move(move))

const mark = (parts: EngagementParts, postId: Id): Promise<void> => derived(parts, parts.taps.mark(postId))

/**
 * What Redis keeps is derived: whatever becomes of it, the write stands in the store, and its event has the post recounted. A
 * command that is refused may be another tap's of the same pipeline.
 */
const derived = ({ logger }: EngagementParts, work: Promise<void>): Promise<void> =>
  work.catch((error: unknown) => {
    if (error instanceof RedisAwayError) return
    if (!(error instanceof RedisCommandError)) throw error
    logger.error({ err: error }, 'redis refused what a tap does to it: its event has the post recounted')
  })

function notAhead(ms: number, clock: Clock): void {
  if (ms > clock() + MAX_AHEAD_MS) throw problems.badRequest('The instant of this has not come yet.')
}

type Lookup = Pick<EngagementParts, 'store' | 'aliases'>

/** The comment that a person means by an id, if it has come: it may be one that was promised and is kept under another. */
async function commentOf(
  { store, aliases }: Lookup,
  postId: Id,
  commentId: Id,
  userId: Id,
): Promise<StoredComment | null> {
  const named = await store.comment(postId, commentId)
  const promised = named?.userId === userId ? null : await aliases.find({ postId, userId, aliasId: commentId })
  return promised === null ? named : store.comment(postId, promised)
}

/** Replies have one level: an answer to a reply stands under the comment at the top. */
async function topOf({ store, aliases }: Lookup, postId: Id, userId: Id, parentId: Id | null): Promise<Id | null> {
  if (parentId === null) return null
  let parent = await store.comment(postId, parentId)
  const promised = parent === null ? await aliases.find({ postId, aliasId: parentId, userId }) : null
  if (promised !== null) parent = await store.comment(postId, promised)
  if (parent === null) throw problems.notFound('comment to reply to')
  if (parent.deleted) throw problems.deleted('comment')
  return parent.parentId ?? parent.commentId
}

/** A page from one row more than it holds: only then is there a next one. */
function page<T>(found: readonly T[], limit: number, cursorAfter: (last: T) => string) {
  const items = found.slice(0, limit)
  const last = items.at(-1)
  return { items, cursor: found.length > limit && last !== undefined ? cursorAfter(last) : null }
}
