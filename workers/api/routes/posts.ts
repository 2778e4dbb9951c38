/** Read and delete a post. */
import { createRoute } from '@hono/zod-openapi'
import { privateKeysOf } from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'
import { mayBeOnItsWay } from '#core/late-writes.ts'
import { problems } from '#core/problem.ts'
import { deleteOwnPost } from '#core/timeline/index.ts'
import { postOfAlias } from '#drizzle/queries/post-aliases.ts'
import {
  type DeletedPostRow,
  deletePost,
  forestallPost,
  type PostStandingRow,
  postStanding,
  type VisiblePostRow,
  visiblePosts,
} from '#drizzle/queries/posts.ts'
import { NOBODY } from '#drizzle/queries/visibility.ts'
import { type App, requireViewer } from '../context.ts'
import { applyToRedis, enqueue } from '../data/after-commit.ts'
import { forgetPictures } from '../data/forget-pictures.ts'
import { notModified, weakTag } from '../middleware/conditional.ts'
import { presentPosts } from '../present/posts.ts'
import type { Services } from '../services.ts'
import { conditional, empty, idParams, ifNoneMatch, maybeSignedIn, Post, refusals, signedIn } from './schemas.ts'

const show = createRoute({
  operationId: 'getPost',
  summary: 'Show a post.',
  method: 'get',
  path: '/v1/posts/{id}',
  tags: ['posts'],
  security: maybeSignedIn,
  request: { params: idParams },
  parameters: [ifNoneMatch],
  responses: { ...conditional(Post, 'The post.'), ...refusals(401, 404) },
})
const remove = createRoute({
  operationId: 'deletePost',
  summary: 'Delete your own post.',
  method: 'delete',
  path: '/v1/posts/{id}',
  tags: ['posts'],
  security: signedIn,
  request: { params: idParams },
  responses: {
    204: empty('The post is gone, and one that was accepted with a 202 and has not come yet will not come.'),
    ...refusals(401, 403, 404),
  },
})

export function registerPosts(app: App): void {
  app.openapi(show, async (c) => {
    const viewer = c.get('viewer')?.userId ?? null
    const services = c.get('services')
    const { id } = c.req.valid('param')
    const look = (post: Id) => services.db.query<VisiblePostRow>(visiblePosts([post], viewer ?? NOBODY))
    const found = await look(id)
    const rows = found.length > 0 ? found : await throughAlias(services, id, look)
    const [post] = await presentPosts(services, rows, viewer, c.get('trace'))
    if (post === undefined) throw problems.notFound('post')
    const isSigned = rows.some((row) => privateKeysOf(row.media_urls).length > 0)
    const until = isSigned ? services.signatures.expires() : 0
    const versions = [Number(rows[0]?.version), Number(rows[0]?.author_version)]
    const tag = weakTag(post.id, ...versions, post.likeCount, post.commentCount, post.liked, until)
    return notModified(c, tag) ?? c.json(post, 200)
  })

  app.openapi(remove, async (c) => {
    const { userId } = requireViewer(c)
    const { id } = c.req.valid('param')
    const services = c.get('services')
    const deleted = await erase(services, id, userId, c.get('trace').traceparent)
    if (deleted === null) {
      // Not one's own, or no such post: only who may see it is told which.
      const [standing] = await services.db.query<PostStandingRow>(postStanding(id, userId))
      throw standing?.visible ? problems.forbidden('Only its author may delete a post.') : problems.notFound('post')
    }
    // Other isolates hear of it with the delta.
    services.feedIsolate.posts.delete(deleted.event.data.postId)
    await applyToRedis(c, deleteOwnPost(userId, deleted.event.data.postId, services.clock()))
    enqueue(c, [deleted.event])
    forgetPictures(c, deleted)
    return c.body(null, 204)
  })
}

/** Deletes one's own post, be it one that was promised with a 202 and has not come yet. Null where there is and will be none. */
async function erase(
  services: Services,
  id: Id,
  userId: Id,
  traceparent: string | null,
): Promise<DeletedPostRow | null> {
  const { db, clock } = services
  const one = (post: Id) => db.query<DeletedPostRow>(deletePost(post, userId, traceparent))
  const [standing] = await one(id)
  if (standing !== undefined) return standing
  const [led] = await throughAlias(services, id, one)
  if (led !== undefined || !mayBeOnItsWay(id, userId, clock())) return led ?? null
  await db.query(forestallPost(id, userId))
  // It may have come under another id meanwhile. Whoever keeps it so says where first, and looks for a deleted one then.
  const [late] = await throughAlias(services, id, one)
  return late ?? (await one(id))[0] ?? null
}

/** An id that was promised while Postgres was away may lead to the post that its key had made before (correctness 19). */
async function throughAlias<T>({ db }: Services, id: Id, query: (post: Id) => Promise<T[]>): Promise<T[]> {
  const [alias] = await db.query<{ post_id: Id }>(postOfAlias(id))
  return alias === undefined ? [] : query(alias.post_id)
}
