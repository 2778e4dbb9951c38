/** Follow, mute, block. Hidden sets are written before the answer, so the very next read shows nobody it should not. */
import { createRoute, z } from '@hono/zod-openapi'
import type { SQL } from 'drizzle-orm'
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import { problems } from '#core/problem.ts'
import type { Command } from '#core/redis.ts'
import { hide, raiseGraph, unhide } from '#core/timeline/index.ts'
import { type FollowRow, follow, unfollow } from '#drizzle/queries/graph.ts'
import { block, lift, mute, type RelationRow } from '#drizzle/queries/relations.ts'
import { type App, type AppContext, requireViewer } from '../context.ts'
import { applyToRedis, enqueue, logFault } from '../data/after-commit.ts'
import { empty, idParams, json, refusals, signedIn } from './schemas.ts'

export const FollowState = z.object({ state: z.enum(['active', 'requested']) }).openapi('FollowState')

const common = { tags: ['people'], security: signedIn, request: { params: idParams } }
const done = { 204: empty('Done, or it was so already.'), ...refusals(401, 404) }

const putFollow = createRoute({
  ...common,
  operationId: 'follow',
  summary: 'Follow somebody, or ask a private account to be let in.',
  method: 'put',
  path: '/v1/users/{id}/follow',
  responses: { 200: json(FollowState, 'active, or requested from a private account.'), ...refusals(401, 404, 422) },
})
const deleteFollow = createRoute({
  ...common,
  operationId: 'unfollow',
  summary: 'Stop following somebody, or take back the request.',
  method: 'delete',
  path: '/v1/users/{id}/follow',
  responses: done,
})
const setters = {
  block: createRoute({
    ...common,
    operationId: 'block',
    summary: 'Block somebody.',
    description: 'You do not see each other any more, and follows between you end.',
    method: 'put',
    path: '/v1/users/{id}/block',
    responses: done,
  }),
  mute: createRoute({
    ...common,
    operationId: 'mute',
    summary: 'Mute somebody.',
    description: 'Your feed and your notifications leave them out; you go on following them.',
    method: 'put',
    path: '/v1/users/{id}/mute',
    responses: done,
  }),
}
const lifters = {
  block: createRoute({
    ...common,
    operationId: 'unblock',
    summary: 'Lift a block.',
    description: 'Follows that it ended stay ended.',
    method: 'delete',
    path: '/v1/users/{id}/block',
    responses: done,
  }),
  mute: createRoute({
    ...common,
    operationId: 'unmute',
    summary: 'Lift a mute.',
    method: 'delete',
    path: '/v1/users/{id}/mute',
    responses: done,
  }),
}

function refuseSelf(user: Id, target: Id, verb: string): void {
  if (user === target) throw problems.unprocessable('yourself', `You cannot ${verb} yourself.`)
}

export function registerRelations(app: App): void {
  app.openapi(putFollow, async (c) => {
    const { userId } = requireViewer(c)
    const target = c.req.valid('param').id
    refuseSelf(userId, target, 'follow')
    const statement = follow(userId, target, c.get('trace').traceparent)
    const { db } = c.get('services')
    // No row may also mean that the same follow was being made at this instant: the second look sees it.
    const row = (await db.query<FollowRow>(statement))[0] ?? (await db.query<FollowRow>(statement))[0]
    if (row === undefined) throw problems.notFound('person')
    // A request is no follow yet: what the timeline may still hold of an earlier one stays hidden.
    if (row.state === 'active') await applyToRedis(c, unhide(userId, 'u', target))
    enqueue(c, [row.event])
    return c.json({ state: row.state === 'requested' ? ('requested' as const) : ('active' as const) }, 200)
  })

  app.openapi(deleteFollow, async (c) => {
    const { userId } = requireViewer(c)
    const target = c.req.valid('param').id
    const [row] = await c.get('services').db.query<FollowRow>(unfollow(userId, target, c.get('trace').traceparent))
    if (row !== undefined) {
      forgetPages(c, [userId])
      await applyOrDistrust(c, hide(userId, 'u', target), userId)
      enqueue(c, [row.event])
    }
    return c.body(null, 204)
  })

  registerMutes(app)
  registerBlocks(app)
}

function registerMutes(app: App): void {
  app.openapi(setters.mute, async (c) => {
    const { userId } = requireViewer(c)
    const target = c.req.valid('param').id
    refuseSelf(userId, target, 'mute')
    await change(c, mute(userId, target, c.get('trace').traceparent), hide(userId, 'm', target), [userId])
    return c.body(null, 204)
  })

  app.openapi(lifters.mute, async (c) => {
    const { userId } = requireViewer(c)
    const target = c.req.valid('param').id
    const statements = lift('mute', userId, target, c.get('trace').traceparent)
    await change(c, statements, unhide(userId, 'm', target), [userId], { lifted: true })
    return c.body(null, 204)
  })
}

function registerBlocks(app: App): void {
  app.openapi(setters.block, async (c) => {
    const { userId } = requireViewer(c)
    const target = c.req.valid('param').id
    refuseSelf(userId, target, 'block')
    const statements = block(userId, target, c.get('trace').traceparent)
    // Both follows end with the block: hidden as unfollowed, too, so that an unblock shows nothing before the purge.
    const sides = [
      [userId, target],
      [target, userId],
    ] as const
    const hidden = sides.flatMap(([one, other]) => [...hide(one, 'b', other), ...hide(one, 'u', other)])
    await change(c, statements, hidden, [userId, target])
    return c.body(null, 204)
  })

  app.openapi(lifters.block, async (c) => {
    const { userId } = requireViewer(c)
    const target = c.req.valid('param').id
    const statements = lift('block', userId, target, c.get('trace').traceparent)
    const both = [...unhide(userId, 'b', target), ...unhide(target, 'b', userId)]
    await change(c, statements, both, [userId, target], { lifted: true, unlessReturned: [raiseGraph(userId)] })
    return c.body(null, 204)
  })
}

interface ChangeOptions {
  /** A lift of what was never set is fine; a block of somebody who does not exist is 404. */
  lifted?: boolean
  /** Commands instead, while the other person blocks too: then both stay hidden from each other. */
  unlessReturned?: Command[]
}

/** What was hidden must be so at the next read, also when Redis does not answer in time: then Postgres is asked there. */
async function applyOrDistrust(c: AppContext, commands: readonly Command[], ...readers: readonly Id[]): Promise<void> {
  if (await applyToRedis(c, commands)) return
  const { feedIsolate, clock } = c.get('services')
  for (const reader of readers) feedIsolate.distrustHidden(reader, clock())
}

/** Their last pages may show whom they now must not see. */
function forgetPages(c: AppContext, people: readonly Id[]): void {
  const { lastPages } = c.get('services')
  for (const person of people) {
    const forgetting = lastPages.forget(person).catch((error: unknown) => logFault(c, 'last-page', error))
    c.executionCtx.waitUntil(forgetting)
  }
}

/** One batch, then Redis, then the events. The first statement answers the relation. */
async function change(
  c: AppContext,
  statements: SQL[],
  commands: readonly Command[],
  people: readonly Id[],
  options: ChangeOptions = {},
): Promise<void> {
  const results = await c.get('services').db.batch(statements)
  const relation = results[0]?.[0] as unknown as RelationRow | undefined
  if (relation === undefined) {
    if (options.lifted) return
    throw problems.notFound('person')
  }
  if (!options.lifted) forgetPages(c, people)
  const keepHidden = options.unlessReturned !== undefined && relation.returned
  await applyOrDistrust(c, keepHidden ? (options.unlessReturned ?? []) : commands, ...people)
  enqueue(
    c,
    results.flat().map((row) => row.event as TidelineEvent),
  )
}
