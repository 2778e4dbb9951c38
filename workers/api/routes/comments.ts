/** Comments and replies. */
import { createRoute, z } from '@hono/zod-openapi'
import { type Id, idShard } from '#core/ids.ts'
import type { OriginOutput } from '#core/origin-api.ts'
import { type App, type AppContext, requireViewer } from '../context.ts'
import { authorOfVisible } from '../data/standing.ts'
import { once } from '../middleware/idempotency.ts'
import type { PersonJson } from '../present/people.ts'
import { deferWhenAway, peopleOf } from './likes.ts'
import {
  Accepted,
  body,
  empty,
  id,
  idempotencyHeader,
  idParams,
  instant,
  json,
  maybeSignedIn,
  Person,
  page,
  pageQuery,
  refusals,
  signedIn,
  writing,
} from './schemas.ts'

const text = writing().trim().min(1).max(2_200)
export const EditedComment = z.strictObject({ body: text })
export const NewComment = z.strictObject({
  body: text,
  parentId: id.nullable().default(null).openapi({ description: 'The comment that this one replies to.' }),
})
export const Comment = z
  .object({
    id,
    postId: id,
    author: Person,
    parentId: id.nullable(),
    body: z.string(),
    createdAt: instant,
    editedAt: instant.nullable(),
    deleted: z.boolean(),
    hasReplies: z
      .boolean()
      .optional()
      .openapi({ description: 'On comments at the top of a list: whether `?parentId=` with its id lists any.' }),
  })
  .openapi('Comment')

const LISTED =
  'Comments, or the replies to one. A page may be short, or empty, and still have a cursor: read on until it is null.'

const list = createRoute({
  operationId: 'listComments',
  summary: 'List the comments on a post, or the replies to one.',
  description: 'Comments come newest first; replies, with `parentId`, oldest first.',
  method: 'get',
  path: '/v1/posts/{id}/comments',
  tags: ['engagement'],
  security: maybeSignedIn,
  request: { params: idParams, query: pageQuery(50).extend({ parentId: id.optional() }) },
  responses: { 200: json(page(Comment), LISTED), ...refusals(401, 404) },
})
const create = createRoute({
  operationId: 'createComment',
  summary: 'Comment on a post, or reply to a comment.',
  method: 'post',
  path: '/v1/posts/{id}/comments',
  tags: ['engagement'],
  security: signedIn,
  request: { headers: idempotencyHeader, params: idParams, body: body(NewComment) },
  responses: {
    201: json(Comment, 'The comment.'),
    202: json(Accepted, 'Kept in the queue under its final id.'),
    ...refusals(401, 404, 413, 415, 422),
  },
})
const edit = createRoute({
  operationId: 'editComment',
  summary: 'Change your own comment.',
  method: 'patch',
  path: '/v1/posts/{id}/comments/{cid}',
  tags: ['engagement'],
  security: signedIn,
  request: { params: z.strictObject({ id, cid: id }), body: body(EditedComment) },
  responses: {
    200: json(Comment, 'The comment as it stands now.'),
    202: json(Accepted, 'Kept in the queue, or for a comment that was accepted with a 202 and has not come yet.'),
    ...refusals(401, 403, 404, 413, 415),
  },
})
const remove = createRoute({
  operationId: 'deleteComment',
  summary: 'Delete a comment.',
  description: 'Its writer and the post’s author may.',
  method: 'delete',
  path: '/v1/posts/{id}/comments/{cid}',
  tags: ['engagement'],
  security: signedIn,
  request: { params: z.strictObject({ id, cid: id }) },
  responses: {
    202: json(Accepted, 'Kept in the queue.'),
    204: empty('The comment is gone, and one that was accepted with a 202 and has not come yet will not come.'),
    ...refusals(401, 403, 404),
  },
})

type StoredComment = OriginOutput<'engagement.comments'>['items'][number]

const present = (comment: StoredComment, author: PersonJson) => ({
  id: comment.commentId,
  postId: comment.postId,
  author,
  parentId: comment.parentId,
  body: comment.body,
  createdAt: new Date(comment.createdMs).toISOString(),
  editedAt: comment.editedMs === null ? null : new Date(comment.editedMs).toISOString(),
  deleted: comment.deleted,
  ...(comment.hasReplies === undefined ? {} : { hasReplies: comment.hasReplies }),
})

export function registerComments(app: App): void {
  app.openapi(list, async (c) => {
    const viewer = c.get('viewer')?.userId ?? null
    const postId = c.req.valid('param').id
    const { limit, cursor, parentId } = c.req.valid('query')
    const services = c.get('services')
    await authorOfVisible(services, postId, viewer)
    const input = { postId, parentId: parentId ?? null, limit, cursor: cursor ?? null }
    const found = await services.origin.call('engagement.comments', input, c.get('trace'))
    const people = await peopleOf(
      c,
      found.items.map((comment) => comment.userId),
      viewer,
    )
    const items = found.items.flatMap((comment) => {
      const author = people.get(comment.userId)
      return author === undefined ? [] : [present(comment, author)]
    })
    return c.json({ items, cursor: found.cursor }, 200)
  })

  app.openapi(create, async (c) => {
    const { userId } = requireViewer(c)
    const postId = c.req.valid('param').id
    const comment = c.req.valid('json')
    const services = c.get('services')
    // The commenter's shard: a post's own would be one hot shard under a celebrity's post.
    const answer = await once(
      c,
      userId,
      () => services.ids.next(idShard(userId)),
      async (commentId, key) => {
        const authorId = await authorOfVisible(services, postId, userId)
        const input = { commentId, postId, authorId, userId, ...comment }
        const effect = async () => {
          const stored = await services.origin.call('engagement.comment', input, c.get('trace'))
          return present(stored, await writerOf(c, userId))
        }
        return deferWhenAway(c, 'engagement.comment', input, effect, { status: 201, key })
      },
    )
    return c.json(answer.body as z.output<typeof Comment>, answer.status as 201)
  })

  registerCommentEdits(app)
  registerCommentRemoval(app)
}

function registerCommentEdits(app: App): void {
  app.openapi(edit, async (c) => {
    const { userId } = requireViewer(c)
    const { id: postId, cid: commentId } = c.req.valid('param')
    const services = c.get('services')
    const authorId = await authorOfVisible(services, postId, userId)
    const input = { postId, commentId, authorId, userId, ...c.req.valid('json'), at: services.clock() }
    const answer = await deferWhenAway(c, 'engagement.editComment', input, async () => {
      const stored = await services.origin.call('engagement.editComment', input, c.get('trace'))
      return stored === null ? null : present(stored, await writerOf(c, userId))
    })
    if (answer.body === null) return c.json({ status: 'accepted' as const, id: commentId }, 202)
    return c.json(answer.body as z.output<typeof Comment>, answer.status as 200)
  })
}

/** A writer who has just gone has no name any more; what they wrote has. */
async function writerOf(c: AppContext, userId: Id): Promise<PersonJson> {
  const people = await peopleOf(c, [userId], userId)
  return people.get(userId) ?? { id: userId, username: '', displayName: '', avatar: null }
}

function registerCommentRemoval(app: App): void {
  app.openapi(remove, async (c) => {
    const { userId } = requireViewer(c)
    const { id: postId, cid: commentId } = c.req.valid('param')
    const services = c.get('services')
    const postAuthorId = await authorOfVisible(services, postId, userId)
    const input = { postId, commentId, userId, postAuthorId }
    const answer = await deferWhenAway(c, 'engagement.deleteComment', input, () =>
      services.origin.call('engagement.deleteComment', input, c.get('trace')),
    )
    if (answer.status === 202) return c.json({ status: 'accepted' as const, id: commentId }, 202)
    return c.body(null, 204)
  })
}
