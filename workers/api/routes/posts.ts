/** Read and delete a post. */
import { createRoute } from '@hono/zod-openapi'
import { problems } from '#core/problem.ts'
import { deleteOwnPost } from '#core/timeline/index.ts'
import {
  type DeletedPostRow,
  deletePost,
  type PostStandingRow,
  type PostViewRow,
  postStanding,
  visiblePosts,
} from '#drizzle/queries/posts.ts'
import { NOBODY } from '#drizzle/queries/visibility.ts'
import { type App, requireViewer } from '../context.ts'
import { applyToRedis, enqueue } from '../data/after-commit.ts'
import { notModified, weakTag } from '../middleware/conditional.ts'
import { presentPosts } from '../present/posts.ts'
import { empty, idParams, json, maybeSignedIn, Post, refusals, signedIn } from './schemas.ts'

const show = createRoute({
  operationId: 'getPost',
  method: 'get',
  path: '/v1/posts/{id}',
  tags: ['posts'],
  security: maybeSignedIn,
  request: { params: idParams },
  responses: { 200: json(Post, 'The post.'), 304: empty('Unchanged.'), ...refusals(401, 404) },
})
const remove = createRoute({
  operationId: 'deletePost',
  method: 'delete',
  path: '/v1/posts/{id}',
  tags: ['posts'],
  security: signedIn,
  request: { params: idParams },
  responses: { 204: empty('The post is gone.'), ...refusals(401, 403, 404) },
})

export function registerPosts(app: App): void {
  app.openapi(show, async (c) => {
    const viewer = c.get('viewer')?.userId ?? null
    const services = c.get('services')
    const { id } = c.req.valid('param')
    const rows = await services.db.query<PostViewRow>(visiblePosts([id], viewer ?? NOBODY))
    const [post] = await presentPosts(services, rows, viewer, c.get('trace'))
    if (post === undefined) throw problems.notFound('post')
    const tag = weakTag(id, Number(rows[0]?.version), post.likeCount, post.commentCount, post.liked)
    return notModified(c, tag) ?? c.json(post, 200)
  })

  app.openapi(remove, async (c) => {
    const { userId } = requireViewer(c)
    const { id } = c.req.valid('param')
    const { db, clock } = c.get('services')
    const [deleted] = await db.query<DeletedPostRow>(deletePost(id, userId, c.get('trace').traceparent))
    if (deleted === undefined) {
      // Not one's own, or no such post: only who may see it is told which.
      const [standing] = await db.query<PostStandingRow>(postStanding(id, userId))
      throw standing?.visible ? problems.forbidden('Only its author may delete a post.') : problems.notFound('post')
    }
    await applyToRedis(c, deleteOwnPost(userId, id, clock()))
    enqueue(c, [deleted.event])
    return c.body(null, 204)
  })
}
