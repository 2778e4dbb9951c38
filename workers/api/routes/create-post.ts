/** Publish a post: one batch at the edge, or, with Postgres away, a place in the queue under an id that stays. */
import { createRoute, z } from '@hono/zod-openapi'
import { parseHashtags } from '#core/hashtags.ts'
import { type Id, idMs, idShard } from '#core/ids.ts'
import { type FieldProblem, Problem, problems } from '#core/problem.ts'
import { writeOwnPost } from '#core/timeline/index.ts'
import { postRecord } from '#drizzle/queries/feed.ts'
import type { KeyedRequest } from '#drizzle/queries/idempotency.ts'
import {
  type CreatedPostRow,
  createPost,
  type PostViewRow,
  rememberPost,
  type StoredPost,
  unusableMedia,
} from '#drizzle/queries/posts.ts'
import { type App, type AppContext, requireViewer } from '../context.ts'
import { applyToRedis, enqueue } from '../data/after-commit.ts'
import { commitUnderKey } from '../data/commit.ts'
import { DatabaseAwayError } from '../data/postgres.ts'
import { keyedRequest, reserveInRedis } from '../middleware/idempotency.ts'
import { presentPost, signaturesFor } from '../present/posts.ts'
import { Accepted, body, id, idempotencyHeader, json, Post, refusals, signedIn, writing } from './schemas.ts'

export const NewPost = z
  .strictObject({
    caption: writing().max(2_200).default(''),
    mediaIds: z
      .array(id)
      .max(10)
      .default([])
      .openapi({ description: 'Your own uploads, in the order of the carousel.' }),
  })
  .refine((post) => post.caption.trim() !== '' || post.mediaIds.length > 0, 'A post needs a caption or media.')
  .refine((post) => new Set(post.mediaIds).size === post.mediaIds.length, {
    path: ['mediaIds'],
    message: 'This names a media twice.',
  })
export type NewPost = z.output<typeof NewPost>

const route = createRoute({
  operationId: 'createPost',
  summary: 'Publish a post.',
  description: 'It has a caption, media, or both. Media are uploaded before.',
  method: 'post',
  path: '/v1/posts',
  tags: ['posts'],
  security: signedIn,
  request: { headers: idempotencyHeader, body: body(NewPost) },
  responses: {
    201: json(Post, 'The post, visible to you at once.'),
    202: json(
      Accepted,
      'Kept in the queue under its final id; it shows once the database is back, or there is less to do.',
    ),
    ...refusals(401, 413, 415, 422),
  },
})

export function registerCreatePost(app: App): void {
  app.openapi(route, async (c) => {
    const { userId } = requireViewer(c)
    const post = c.req.valid('json')
    const request = await keyedRequest(c, userId)
    const tried: Id[] = []
    try {
      const stored = await commit(c, userId, post, request, tried)
      const row = withoutCounts(stored)
      const services = c.get('services')
      const shown = { imageBase: services.config.imageBase, signatures: await signaturesFor(services, [row]) }
      const answer = presentPost(row, null, false, shown)
      c.header('location', `/v1/posts/${answer.id}`)
      return c.json(answer, 201)
    } catch (error) {
      if (!(error instanceof DatabaseAwayError)) throw error
      const postId = await defer(c, userId, post, request, tried.at(-1))
      c.header('location', `/v1/posts/${postId}`)
      return c.json({ status: 'accepted' as const, id: postId }, 202)
    }
  })
}

/**
 * Row, media, outbox and key in one batch; answers the post as stored, now or under this key before.
 * @param tried is told each id that the batch was sent with
 */
async function commit(
  c: AppContext,
  userId: Id,
  post: NewPost,
  request: KeyedRequest | null,
  tried: Id[],
): Promise<StoredPost> {
  const hashtags = parseHashtags(post.caption)
  const { traceparent } = c.get('trace')
  const outcome = await commitUnderKey<CreatedPostRow, StoredPost>(c, {
    owner: userId,
    request,
    insert(postId) {
      tried.push(postId)
      return createPost({ ...post, postId, userId, hashtags, traceparent })
    },
    remember: rememberPost,
  })
  if (outcome === null) return refuseMedia(c, userId, post.mediaIds)
  if ('former' in outcome) return outcome.former
  const { post: created, event } = outcome.made
  await applyToRedis(c, writeOwnPost(postRecord(withoutCounts(created))))
  // Read again here at once, should its author be a celebrity; other isolates hear of it with the delta.
  c.get('services').feedIsolate.celebrities.delete(userId)
  enqueue(c, [event])
  return created
}

const MEDIA_FAULTS: Record<string, string> = {
  unknown: 'There is no such upload of yours.',
  used: 'It is in another post already.',
  failed: 'It could not be processed.',
  'not-uploaded': 'Its upload is not complete.',
}

/** Nothing was written: says which media is at fault. */
async function refuseMedia(c: AppContext, userId: Id, mediaIds: readonly Id[]): Promise<never> {
  const rows = await c.get('services').db.query<{ media_id: string; fault: string }>(unusableMedia(mediaIds, userId))
  if (rows.length === 0) throw problems.unauthorized('This account is gone.')
  const errors: FieldProblem[] = rows.map((row) => ({
    pointer: `/mediaIds/${mediaIds.indexOf(row.media_id)}`,
    detail: MEDIA_FAULTS[row.fault] ?? 'It cannot be used.',
  }))
  const title = 'Unprocessable content'
  throw new Problem({
    status: 422,
    code: 'media-unusable',
    title,
    detail: 'Not all media can go into this post.',
    errors,
  })
}

/** As it was at the beginning: a repetition answers the same. */
const withoutCounts = (post: StoredPost): PostViewRow => ({ ...post, like_count: 0, comment_count: 0, deleted: false })

/**
 * Under the id that was tried: a Postgres that died before its answer may have committed, and the queue must not make a
 * second post of it.
 * @throws Problem 503 when the queue is away too, 422 when the key was used for another request
 */
async function defer(
  c: AppContext,
  userId: Id,
  post: NewPost,
  request: KeyedRequest | null,
  tried: Id | undefined,
): Promise<Id> {
  const services = c.get('services')
  const fresh = tried ?? services.ids.next(idShard(userId))
  const postId = request === null ? fresh : await reserveInRedis(services, request, fresh)
  await services.queues.defer({
    kind: 'post.create',
    idempotencyKey: request?.key ?? `post:${postId}`,
    requestHash: request?.requestHash ?? '',
    postId,
    userId,
    caption: post.caption,
    mediaIds: post.mediaIds,
    hashtags: parseHashtags(post.caption),
    acceptedMs: idMs(postId),
    traceparent: c.get('trace').traceparent,
  })
  return postId
}
