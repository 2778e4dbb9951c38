/**
 * Comments that were accepted while their store, or Postgres, was away. The idempotency key decides about the id, as it
 * does at the edge: what another try reserved or made under it is this comment too (correctness 19). An id that is
 * somebody else's by now is replaced by a new one (correctness 18). In both cases the promised id leads to the kept one. What
 * was deleted under the promised id before it came does not stay, and what was edited is as it was edited.
 */
import { createIdFactory, type Id, type IdFactory, idMs, idShard } from '#core/ids.ts'
import { type DeferredWrite, originApi } from '#core/origin-api.ts'
import { Problem, problems } from '#core/problem.ts'
import type { Database } from '#drizzle/database.ts'
import { insertCommentAlias } from '#drizzle/queries/comment-aliases.ts'
import {
  findIdempotent,
  type IdempotencyRow,
  IN_FLIGHT,
  type KeyedRequest,
  reserveIdempotent,
  reserveInstead,
} from '#drizzle/queries/idempotency.ts'
import { dropEdit, editInWaiting, type WaitingEditRow } from '#drizzle/queries/waiting-edits.ts'
import { Unprocessable } from '../event-log.ts'
import type { HandlerInput, RequestContext } from '../internal-api.ts'
import type { DeferredHandler } from './deferred.ts'

type Comment = HandlerInput<'engagement.comment'>

export interface DeferredCommentsOptions {
  database: Database
  /** Makes the comment; the same id again is the same comment. Throws Problem 409 `id-taken` where it is somebody else's. */
  apply: DeferredHandler
  /** Deletes a comment, or leaves a tombstone where it has not come. */
  remove: DeferredHandler
  /** Edits a comment, unless it was edited later; to the end, also where it is deleted. */
  edit: DeferredHandler
  /** Whether its author has deleted a comment under this very id. */
  isTakenBack(comment: Pick<Comment, 'postId' | 'commentId' | 'userId'>): Promise<boolean>
  /** Makes the ids that replace promised ones. */
  ids?: IdFactory
}

/** Ids collide once in a blue moon; three in a row are a fault. */
const ID_TRIES = 3

const isIdTaken = (error: unknown) => error instanceof Problem && error.code === 'id-taken'

export function createDeferredComments(options: DeferredCommentsOptions): DeferredHandler {
  const { database, apply, ids = createIdFactory(Date.now, Math.random) } = options

  /** The id that is held under a key: `mine`, when nobody took the key before. */
  async function idUnder(request: KeyedRequest, mine: Id, atMs: number): Promise<Id> {
    const taken = await database.query(reserveIdempotent(request, mine, atMs))
    if (taken.length > 0) return mine
    const [row] = await database.query<IdempotencyRow>(findIdempotent(request, atMs))
    if (row === undefined) throw problems.away('The first use of this idempotency key')
    if (row.request_hash !== request.requestHash)
      throw new Unprocessable('the idempotency key was used for another write')
    return heldBy(row)
  }

  /**
   * Instead of an id that is somebody else's. While the key is in flight it holds the new one, for the edge too; once it
   * is answered, or where there is none, a name of our own holds it for repetitions of this message.
   */
  async function idInstead(request: KeyedRequest | null, comment: Comment, former: Id, atMs: number): Promise<Id> {
    const fresh = ids.next(idShard(comment.userId))
    if (request !== null) {
      if ((await database.query(reserveInstead(request, former, fresh))).length > 0) return fresh
      const held = await idUnder(request, former, atMs)
      if (held !== former) return held
    }
    // Blanks: no key of a client has any.
    const key = `comment ${comment.postId} ${former}`
    return idUnder({ userId: comment.userId, key, requestHash: request?.requestHash ?? '' }, fresh, atMs)
  }

  return async function createDeferredComment(write, context) {
    if (write.kind !== 'engagement.comment') throw new TypeError('not a comment')
    const comment = originApi['engagement.comment'].input.parse(write.input)
    const { commentId: promised, userId } = comment
    const atMs = idMs(promised)
    const request = requestOf(write, userId)
    let commentId = request === null ? promised : await idUnder(request, promised, atMs)
    for (let attempt = 1; ; attempt++) {
      try {
        await apply({ ...write, input: { ...comment, commentId } }, context)
        break
      } catch (error) {
        if (!isIdTaken(error) || attempt === ID_TRIES) throw error
        commentId = await idInstead(request, comment, commentId, atMs)
      }
    }
    if (commentId !== promised) await leadTo(options, { write, comment, kept: commentId }, context)
    await makeWaitingEdit(options, write, context)
  }
}

/** Who edits what has not come leaves the edit first and looks for the comment then, so that one of the two sees the other. */
async function makeWaitingEdit(
  { database, edit }: DeferredCommentsOptions,
  { input, traceparent }: Exclude<DeferredWrite, { kind: 'post.create' }>,
  context: RequestContext,
): Promise<void> {
  const { postId, commentId, userId, authorId } = originApi['engagement.comment'].input.parse(input)
  const promised = { postId, commentId, userId }
  const [row] = await database.query<WaitingEditRow>(editInWaiting(promised))
  if (row === undefined) return
  const waiting = { ...promised, body: row.body, at: Number(row.edited_at) }
  await edit({ kind: 'engagement.editComment', input: { ...waiting, authorId }, traceparent }, context)
  await database.query(dropEdit(waiting))
}

/**
 * Has the promised id lead to the kept comment. If its author has deleted it under the promised id before, the kept one goes, too:
 * who deletes leaves the tombstone first and looks for the alias then, so that one of the two sees the other.
 */
async function leadTo(
  { database, isTakenBack, remove }: DeferredCommentsOptions,
  { write, comment, kept }: { write: DeferredWrite; comment: Comment; kept: Id },
  context: RequestContext,
): Promise<void> {
  const { commentId: promised, postId, userId, authorId } = comment
  await database.query(insertCommentAlias({ postId, aliasId: promised, userId }, kept))
  if (!(await isTakenBack(comment))) return
  const input = { postId, commentId: kept, userId, postAuthorId: authorId }
  await remove({ kind: 'engagement.deleteComment', input, traceparent: write.traceparent }, context)
}

function heldBy({ status, response }: IdempotencyRow): Id {
  const held = status === IN_FLIGHT ? response : (response as { id?: unknown }).id
  if (typeof held !== 'string') throw new Unprocessable('the idempotency key was not used for a comment')
  return held
}

function requestOf(write: Exclude<DeferredWrite, { kind: 'post.create' }>, userId: Id): KeyedRequest | null {
  const { idempotencyKey: key, requestHash } = write
  return key === undefined || requestHash === undefined ? null : { userId, key, requestHash }
}
