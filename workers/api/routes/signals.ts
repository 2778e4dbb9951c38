/** What the client noticed: impressions of posts, impressions and clicks of advertisements. */
import { createRoute, z } from '@hono/zod-openapi'
import { makeEvent, type TidelineEvent } from '#core/events.ts'
import { problems } from '#core/problem.ts'
import { type App, requireViewer } from '../context.ts'
import { sha256Hex } from '../middleware/idempotency.ts'
import { Accepted, body, id, idempotencyHeader, json, refusals, signedIn } from './schemas.ts'

export const Signals = z
  .strictObject({
    seen: z.array(id).max(200).default([]).openapi({ description: 'Posts that were really on the screen.' }),
    ads: z
      .array(z.strictObject({ campaignId: id, kind: z.enum(['impression', 'click']) }))
      .max(50)
      .default([]),
  })
  .refine((signals) => signals.seen.length + signals.ads.length > 0, 'Report at least one thing.')

const route = createRoute({
  operationId: 'reportSignals',
  summary: 'Report what was on the screen.',
  description: 'Without reports nothing counts as seen: recommendations repeat, and followed posts do not sink.',
  method: 'post',
  path: '/v1/signals',
  tags: ['feed'],
  security: signedIn,
  request: { headers: idempotencyHeader, body: body(Signals) },
  responses: { 202: json(Accepted, 'Noted.'), ...refusals(401, 413, 415) },
})

export function registerSignals(app: App): void {
  app.openapi(route, async (c) => {
    const { userId } = requireViewer(c)
    const { seen, ads } = c.req.valid('json')
    const { clock, random, queues } = c.get('services')
    const common = { key: userId, actor: userId, traceparent: c.get('trace').traceparent }
    const at = clock()
    // A repeated report is the same report: what was seen stays seen, and advertisements count under the client's key.
    const key = c.req.valid('header')['idempotency-key']
    // Its hash, since a key may be longer than an event's id and the end of the id tells the signals apart.
    const hash = key === undefined ? null : await sha256Hex(key)
    const events: TidelineEvent[] = ads.map((ad, i) => {
      const derived = hash === null ? {} : { id: `ad.signal:${userId}:${hash}:${i}` }
      return makeEvent({ ...common, ...derived, type: 'ad.signal', data: { userId, ...ad, at } }, clock, random)
    })
    if (seen.length > 0) {
      const postIds = [...new Set(seen)]
      events.push(makeEvent({ ...common, type: 'signal.seen', data: { userId, postIds, at } }, clock, random))
    }
    try {
      await queues.publish(events)
    } catch (error) {
      throw problems.away('The event queue', 5, error)
    }
    return c.json({ status: 'accepted' as const }, 202)
  })
}
