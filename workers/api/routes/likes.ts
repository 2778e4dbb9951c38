/** Likes and shares: kept at the origin; with it away, in the queue, under the instant at which they were made. */
import { createRoute, z } from '@hono/zod-openapi'
import type { Id } from '#core/ids.ts'
import type { OriginInput } from '#core/origin-api.ts'
import { mayLag } from '#drizzle/placement.ts'
import type { PersonRow } from '#drizzle/queries/graph.ts'
import { peopleByIds } from '#drizzle/queries/people.ts'
import { NOBODY } from '#drizzle/queries/visibility.ts'
import { type App, type AppContext, requireViewer } from '../context.ts'
import { OriginAwayError } from '../data/origin.ts'
import { authorOfVisible } from '../data/standing.ts'
import { type Answer, type HeldKey, once } from '../middleware/idempotency.ts'
import { type PersonJson, presentPerson } from '../present/people.ts'
import {
  Accepted,
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
} from './schemas.ts'

export const LikeResult = z.object({ liked: z.boolean(), changed: z.boolean() }).openapi('LikeResult')
export const ShareResult = z.object({ shared: z.literal(true), changed: z.boolean() }).openapi('ShareResult')
export const Like = z.object({ person: Person, at: instant }).openapi('Like')

const common = { tags: ['engagement'], security: signedIn }
const keyed = { headers: idempotencyHeader, params: idParams }
const accepted = json(Accepted, 'Kept in the queue; it counts once its store is back, or there is less to do.')
const like = createRoute({
  ...common,
  operationId: 'likePost',
  summary: 'Like a post.',
  method: 'post',
  path: '/v1/posts/{id}/like',
  request: keyed,
  responses: { 200: json(LikeResult, 'You like it.'), 202: accepted, ...refusals(401, 404, 422) },
})
const unlike = createRoute({
  ...common,
  operationId: 'unlikePost',
  summary: 'Take back your like of a post.',
  method: 'delete',
  path: '/v1/posts/{id}/like',
  request: { params: idParams },
  responses: { 200: json(LikeResult, 'You do not like it.'), 202: accepted, ...refusals(401, 404) },
})
const share = createRoute({
  ...common,
  operationId: 'sharePost',
  summary: 'Count that you have shared a post.',
  description: 'It cannot be taken back.',
  method: 'post',
  path: '/v1/posts/{id}/share',
  request: keyed,
  responses: { 200: json(ShareResult, 'Counted once a person.'), 202: accepted, ...refusals(401, 404, 422) },
})
const likers = createRoute({
  operationId: 'listLikes',
  summary: 'List who likes a post.',
  method: 'get',
  path: '/v1/posts/{id}/likes',
  tags: ['engagement'],
  security: maybeSignedIn,
  request: { params: idParams, query: pageQuery(50) },
  responses: { 200: json(page(Like), 'Newest likes first.'), ...refusals(401, 404) },
})

type Fact = OriginInput<'engagement.like'>

async function factOf(c: AppContext, postId: Id, userId: Id, at: number): Promise<Fact> {
  const authorId = await authorOfVisible(c.get('services'), postId, userId)
  return { postId, authorId, userId, at }
}

export function registerLikes(app: App): void {
  app.openapi(like, async (c) => {
    const { userId } = requireViewer(c)
    const { id } = c.req.valid('param')
    const { origin, clock } = c.get('services')
    const answer = await once(c, userId, clock, async (at) => {
      const fact = await factOf(c, id, userId, at)
      return deferWhenAway(c, 'engagement.like', fact, async () => {
        const { result } = await origin.call('engagement.like', fact, c.get('trace'))
        return { liked: true, changed: result === 'added' }
      })
    })
    return c.json(answer.body as z.output<typeof LikeResult>, answer.status as 200)
  })

  app.openapi(unlike, async (c) => {
    const { userId } = requireViewer(c)
    const { origin, clock } = c.get('services')
    const fact = await factOf(c, c.req.valid('param').id, userId, clock())
    const answer = await deferWhenAway(c, 'engagement.unlike', fact, async () => {
      const { result } = await origin.call('engagement.unlike', fact, c.get('trace'))
      return { liked: false, changed: result === 'removed' }
    })
    return c.json(answer.body as z.output<typeof LikeResult>, answer.status as 200)
  })

  registerShares(app)
  registerLikers(app)
}

function registerShares(app: App): void {
  app.openapi(share, async (c) => {
    const { userId } = requireViewer(c)
    const { id } = c.req.valid('param')
    const { origin, clock } = c.get('services')
    const answer = await once(c, userId, clock, async (at) => {
      const fact = await factOf(c, id, userId, at)
      return deferWhenAway(c, 'engagement.share', fact, async () => {
        const { result } = await origin.call('engagement.share', fact, c.get('trace'))
        return { shared: true, changed: result === 'added' }
      })
    })
    return c.json(answer.body as z.output<typeof ShareResult>, answer.status as 200)
  })
}

function registerLikers(app: App): void {
  app.openapi(likers, async (c) => {
    const viewer = c.get('viewer')?.userId ?? null
    const postId = c.req.valid('param').id
    const { limit, cursor } = c.req.valid('query')
    const services = c.get('services')
    await authorOfVisible(services, postId, viewer)
    const input = { postId, limit, cursor: cursor ?? null }
    const found = await services.origin.call('engagement.likers', input, c.get('trace'))
    const people = await peopleOf(
      c,
      found.items.map((item) => item.userId),
      viewer,
    )
    const items = found.items.flatMap(({ userId, at }) => {
      const person = people.get(userId)
      return person === undefined ? [] : [{ person, at: new Date(at).toISOString() }]
    })
    return c.json({ items, cursor: found.cursor }, 200)
  })
}

/** The people of a list as the viewer may see them: who blocks or is blocked is not among them. */
export async function peopleOf(c: AppContext, ids: readonly Id[], viewer: Id | null): Promise<Map<Id, PersonJson>> {
  if (ids.length === 0) return new Map()
  const { db, config, redis, replicas } = c.get('services')
  const lagging = await replicas.lagging(redis, viewer)
  const statement = peopleByIds([...new Set(ids)], viewer ?? NOBODY)
  const rows = await db.query<PersonRow>(lagging === null ? statement : mayLag(statement))
  const shown = rows.filter((row) => !lagging?.blocked.has(row.user_id))
  return new Map(shown.map((row) => [row.user_id, presentPerson(row, config.imageBase)]))
}

type Deferrable =
  | 'engagement.like'
  | 'engagement.unlike'
  | 'engagement.comment'
  | 'engagement.share'
  | 'engagement.editComment'
  | 'engagement.deleteComment'

/**
 * Makes an effect at the origin; with it away, lays it into the queue: 202.
 * @param key goes along into the queue; an effect whose key is undecided goes there at once
 * @throws Problem 503 when the queue is away too
 */
export async function deferWhenAway(
  c: AppContext,
  kind: Deferrable,
  input: Record<string, unknown>,
  effect: () => Promise<unknown>,
  { status = 200, key = null }: { status?: number; key?: HeldKey | null } = {},
): Promise<Answer> {
  try {
    if (key === null || key.isDecided) return { status, body: await effect() }
  } catch (error) {
    if (!(error instanceof OriginAwayError)) throw error
  }
  const { traceparent } = c.get('trace')
  const keyed = key === null ? {} : { idempotencyKey: key.request.key, requestHash: key.request.requestHash }
  await c.get('services').queues.defer({ kind, input, ...keyed, traceparent })
  const id = typeof input.commentId === 'string' ? { id: input.commentId } : {}
  return { status: 202, body: { status: 'accepted', ...id } }
}
