/** Reports to the moderators. */
import { createRoute, z } from '@hono/zod-openapi'
import { idShard } from '#core/ids.ts'
import { problems } from '#core/problem.ts'
import { insertReport } from '#drizzle/queries/people.ts'
import { type App, requireViewer } from '../context.ts'
import { once } from '../middleware/idempotency.ts'
import { body, id, idempotencyHeader, json, refusals, signedIn, writing } from './schemas.ts'

export const NewReport = z.strictObject({
  subject: z.strictObject({ kind: z.enum(['post', 'user', 'comment']), id }),
  reason: z.enum(['spam', 'harassment', 'nudity', 'violence', 'hate', 'self-harm', 'illegal', 'copyright', 'other']),
  detail: writing().max(2_000).default(''),
})
export const Report = z.object({ id, state: z.literal('open') }).openapi('Report')

const route = createRoute({
  operationId: 'report',
  summary: 'Report a post, a person or a comment to the moderators.',
  method: 'post',
  path: '/v1/reports',
  tags: ['moderation'],
  security: signedIn,
  request: { headers: idempotencyHeader, body: body(NewReport) },
  responses: {
    201: json(Report, 'Filed, if there is such a post, person or comment.'),
    ...refusals(401, 404, 413, 415, 422),
  },
})

export function registerReports(app: App): void {
  app.openapi(route, async (c) => {
    const { userId } = requireViewer(c)
    const { subject, reason, detail } = c.req.valid('json')
    const { db, ids } = c.get('services')
    const answer = await once(
      c,
      userId,
      () => ids.next(idShard(userId)),
      async (reportId) => {
        const report = {
          reportId,
          reporterId: userId,
          subjectKind: subject.kind,
          subjectId: subject.id,
          reason,
          detail,
        }
        const [row] = await db.query(insertReport(report))
        // Of a post nobody learns whether it is there: it may be a private account's, or of somebody who has blocked them.
        if (row === undefined && subject.kind === 'user') throw problems.notFound('person')
        return { status: 201, body: { id: reportId, state: 'open' } }
      },
    )
    return c.json(answer.body as z.output<typeof Report>, 201)
  })
}
