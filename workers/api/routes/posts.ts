/** Read and delete a post. */
import { createRoute } from '@hono/zod-openapi'
import { privateKeysOf } from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'
import { problems } from '#core/problem.ts'
import { deleteOwnPost } from '#core/timeline/index.ts'
import { postOfAlias } from '#drizzle/queries/post-aliases.ts'
import {
  type DeletedPostRow,
  deletePost,
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
    const { db, clock } = services
    const erase = (post: Id) => db.query<DeletedPostRow>(deletePost(post, userId, c.get('trace').traceparent))
    const [deleted] = await erase(id).then((rows) => (rows.length > 0 ? rows : throughAlias(services, id, erase)))
    if (deleted === undefined) {
      // Not one's own, or no such post: only who may see it is told which.
      const [standing] = await db.query<PostStandingRow>(postStanding(id, userId))
      throw standing?.visible ? problems.forbidden('Only its author may delete a post.') : problems.notFound('post')
    }
    // Other isolates hear of it with the delta.
    services.feedIsolate.posts.delete(deleted.event.data.postId)
    await applyToRedis(c, deleteOwnPost(userId, deleted.event.data.postId, clock()))
    enqueue(c, [deleted.event])
    forgetPictures(c, deleted)
    return c.body(null, 204)
  })
}

/** An id that was promised while Postgres was away may lead to the post that its key had made before (correctness 19). */
async function throughAlias<T>({ db }: Services, id: Id, query: (post: Id) => Promise<T[]>): Promise<T[]> {
  const [alias] = await db.query<{ post_id: Id }>(postOfAlias(id))
  return alias === undefined ? [] : query(alias.post_id)
}
