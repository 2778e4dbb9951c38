/** Requests to follow one's own private account. */
import { createRoute } from '@hono/zod-openapi'
import { problems } from '#core/problem.ts'
import { unhide } from '#core/timeline/index.ts'
import { acceptRequest, declineRequest, type FollowRow, type PersonRow } from '#drizzle/queries/graph.ts'
import { followRequestsOf } from '#drizzle/queries/people-lists.ts'
import { type App, requireViewer } from '../context.ts'
import { applyToRedis, enqueue } from '../data/after-commit.ts'
import { presentPerson } from '../present/people.ts'
import { cutPage, positionOf } from './paging.ts'
import { empty, idParams, json, Person, page, pageQuery, refusals, signedIn } from './schemas.ts'

const list = createRoute({
  operationId: 'listFollowRequests',
  summary: 'List who asks to follow you.',
  method: 'get',
  path: '/v1/me/follow-requests',
  tags: ['people'],
  security: signedIn,
  request: { query: pageQuery() },
  responses: { 200: json(page(Person), 'Who asks to follow you.'), ...refusals(401) },
})
const answer = { tags: ['people'], security: signedIn, request: { params: idParams } }
const accept = createRoute({
  ...answer,
  operationId: 'acceptFollowRequest',
  summary: 'Let somebody who asked follow you.',
  method: 'put',
  path: '/v1/me/follow-requests/{id}',
  responses: { 204: empty('This person follows you now.'), ...refusals(401, 404) },
})
const decline = createRoute({
  ...answer,
  operationId: 'declineFollowRequest',
  summary: 'Decline a request to follow you.',
  method: 'delete',
  path: '/v1/me/follow-requests/{id}',
  responses: { 204: empty('The request is gone.'), ...refusals(401, 404) },
})

export function registerFollowRequests(app: App): void {
  app.openapi(list, async (c) => {
    const { userId } = requireViewer(c)
    const { limit, cursor } = c.req.valid('query')
    const before = positionOf('follow-requests', cursor)
    const { db, config } = c.get('services')
    const rows = await db.query<PersonRow>(followRequestsOf(userId, before, limit + 1))
    const cut = cutPage('follow-requests', rows, limit, (row) => row.user_id)
    return c.json({ items: cut.rows.map((row) => presentPerson(row, config.imageBase)), cursor: cut.cursor }, 200)
  })

  app.openapi(accept, async (c) => {
    const { userId } = requireViewer(c)
    const follower = c.req.valid('param').id
    const statement = acceptRequest(userId, follower, c.get('trace').traceparent)
    const [row] = await c.get('services').db.query<FollowRow>(statement)
    if (row === undefined) throw problems.notFound('follow request')
    await applyToRedis(c, unhide(follower, 'u', userId))
    enqueue(c, [row.event])
    return c.body(null, 204)
  })

  app.openapi(decline, async (c) => {
    const { userId } = requireViewer(c)
    const statement = declineRequest(userId, c.req.valid('param').id, c.get('trace').traceparent)
    const [row] = await c.get('services').db.query<FollowRow>(statement)
    if (row === undefined) throw problems.notFound('follow request')
    enqueue(c, [row.event])
    return c.body(null, 204)
  })
}
