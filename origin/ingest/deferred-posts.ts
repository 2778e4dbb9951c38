/**
 * Posts that were accepted while Postgres was away. The idempotency key decides: whoever wrote first under it wins, and
 * the id promised with the 202 leads to that post (correctness 19). A promised id that is somebody else's post by now is
 * replaced by a new one (correctness 18). A post that was deleted before it came finds its id taken by a deleted one of its
 * author's, and is not made.
 */
import type { TidelineEvent } from '#core/events.ts'
import { createIdFactory, type Id, type IdFactory, idShard } from '#core/ids.ts'
import type { DeferredWrite } from '#core/origin-api.ts'
import { problems } from '#core/problem.ts'
import { type Database, sqlState, UNIQUE_VIOLATION, violatedConstraint } from '#drizzle/database.ts'
import {
  findIdempotent,
  forgetExpired,
  IDEMPOTENCY_CONSTRAINT,
  type IdempotencyRow,
  IN_FLIGHT,
} from '#drizzle/queries/idempotency.ts'
import { type AuthorRow, authorOfPost, insertPostAlias } from '#drizzle/queries/post-aliases.ts'
import {
  type CreatedPostRow,
  createPost,
  type DeletedPostRow,
  deletePost,
  rememberPost,
  unusableMedia,
} from '#drizzle/queries/posts.ts'
import { Unprocessable } from '../event-log.ts'
import type { DeferredHandler } from './deferred.ts'

type DeferredPost = Extract<DeferredWrite, { kind: 'post.create' }>

export interface DeferredPostsOptions {
  database: Database
  /** Brings a new post's event into the log at once; when it fails, the sweeper of the outbox does it. */
  publish(event: TidelineEvent): Promise<void>
  /** Makes the ids that replace promised ones. */
  ids?: IdFactory
}

/** Ids collide once in a blue moon; three in a row are a fault. */
const ID_TRIES = 3

type Needs = Required<DeferredPostsOptions>

export function createDeferredPosts(options: DeferredPostsOptions): DeferredHandler {
  const needs: Needs = { ids: createIdFactory(Date.now, Math.random), ...options }
  const { database, publish } = needs
  return async function createDeferredPost(write) {
    if (write.kind !== 'post.create') throw new TypeError('not a post')
    if (await earlier(needs, write)) return
    let created: CreatedPostRow | undefined
    try {
      created = await create(database, write)
    } catch (error) {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error
      // Lost a race against the same key: the winner's row is there now.
      if (violatedConstraint(error) === IDEMPOTENCY_CONSTRAINT && (await earlier(needs, write))) return
    }
    if (created) {
      await publish(created.event).catch(() => {})
      return
    }
    const [author] = await database.query<AuthorRow>(authorOfPost(write.postId))
    if (author === undefined) await explain(database, write)
    else if (author.user_id !== write.userId) await createElsewhere(needs, write)
    else if (author.deleted) await keepDeleted(needs, write)
  }
}

/** Whether the key was used before; then the promised id leads to what it made. */
async function earlier(needs: Needs, write: DeferredPost): Promise<boolean> {
  const [row] = await needs.database.query<IdempotencyRow>(
    findIdempotent({ userId: write.userId, key: write.idempotencyKey }, write.acceptedMs),
  )
  if (!row) return false
  if (row.request_hash !== write.requestHash) throw new Unprocessable('the idempotency key was used for another post')
  if (row.status === IN_FLIGHT) throw problems.away('The first use of this idempotency key')
  const kept = (row.response as { post_id?: unknown }).post_id
  if (typeof kept !== 'string') throw new Unprocessable('the idempotency key was not used for a post')
  if (kept !== write.postId) await leadTo(needs, write, kept)
  return true
}

/**
 * Has the promised id lead to the kept post. If its author has deleted it under the promised id before, the kept one goes, too:
 * who deletes leaves the deleted post first and looks for an alias then, so that one of the two sees the other.
 */
async function leadTo({ database, publish }: Needs, write: DeferredPost, kept: Id): Promise<void> {
  const { postId, userId } = write
  await database.query(insertPostAlias(postId, kept, userId))
  const [promised] = await database.query<AuthorRow>(authorOfPost(postId))
  if (promised?.user_id !== userId || !promised.deleted) return
  const [gone] = await database.query<DeletedPostRow>(deletePost(kept, userId, write.traceparent))
  if (gone !== undefined) await publish(gone.event).catch(() => {})
}

async function create(database: Database, write: DeferredPost): Promise<CreatedPostRow | undefined> {
  const { userId, idempotencyKey: key, requestHash, postId } = write
  const request = { userId, key, requestHash }
  const [, created] = await database.batch([
    forgetExpired(request, write.acceptedMs),
    createPost({ ...write, mediaIds: write.mediaIds }),
    rememberPost(request, postId),
  ])
  return created?.[0] as CreatedPostRow | undefined
}

/** It was deleted before it came. Its key stands for the deleted post, so that another try under it makes none. */
async function keepDeleted(needs: Needs, write: DeferredPost): Promise<void> {
  const { userId, idempotencyKey: key, requestHash, postId } = write
  const request = { userId, key, requestHash }
  try {
    await needs.database.batch([forgetExpired(request, write.acceptedMs), rememberPost(request, postId)])
  } catch (error) {
    if (sqlState(error) !== UNIQUE_VIOLATION || !(await earlier(needs, write))) throw error
  }
}

/** Under a new id, since the promised one is taken. An alias that a crash left out is made by the repetition (`earlier`). */
async function createElsewhere(needs: Needs, write: DeferredPost): Promise<void> {
  const { database, publish, ids } = needs
  for (let attempt = 1; ; attempt++) {
    const moved = { ...write, postId: ids.next(idShard(write.userId)) }
    try {
      const created = await create(database, moved)
      if (created === undefined) return await explain(database, moved)
      await leadTo(needs, write, moved.postId)
      await publish(created.event).catch(() => {})
      return
    } catch (error) {
      if (sqlState(error) !== UNIQUE_VIOLATION) throw error
      if (violatedConstraint(error) === IDEMPOTENCY_CONSTRAINT && (await earlier(needs, write))) return
      if (attempt === ID_TRIES) throw error
    }
  }
}

/** Nothing was created: because it stands already, or because it cannot. */
async function explain(database: Database, write: DeferredPost): Promise<void> {
  const faults = await database.query<{ media_id: string; fault: string }>(unusableMedia(write.mediaIds, write.userId))
  // An upload may still be under way: the post waits for it.
  if (faults.some(({ fault }) => fault === 'not-uploaded')) throw problems.away('An upload of this post')
  const reasons = faults.map(({ media_id, fault }) => `media ${media_id} is ${fault}`)
  throw new Unprocessable(reasons.join(', ') || 'there is no such person')
}
