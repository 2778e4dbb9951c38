/** What a person was told. */
import { createRoute, z } from '@hono/zod-openapi'
import { markNotificationsRead, type NotificationRow, notificationsOf } from '#drizzle/queries/people.ts'
import { type App, requireViewer } from '../context.ts'
import { logFault } from '../data/after-commit.ts'
import { presentPerson } from '../present/people.ts'
import { cutPage, positionOf } from './paging.ts'
import { id, instant, json, Person, page, pageQuery, refusals, signedIn } from './schemas.ts'

export const Notification = z
  .object({
    id,
    kind: z.string().openapi({ example: 'like' }),
    actor: Person,
    subjectId: id.nullable().openapi({ description: 'The post or comment that it is about.' }),
    read: z.boolean(),
    createdAt: instant,
  })
  .openapi('Notification')

const list = createRoute({
  operationId: 'listNotifications',
  summary: 'List what happened to you.',
  description: 'Who follows you, asks to, likes or comments; nobody whom you have blocked or muted.',
  method: 'get',
  path: '/v1/notifications',
  tags: ['notifications'],
  security: signedIn,
  request: { query: pageQuery(30) },
  responses: {
    200: json(page(Notification), 'Newest first. The first page marks what it shows as read.'),
    ...refusals(401),
  },
})

export function registerNotifications(app: App): void {
  app.openapi(list, async (c) => {
    const { userId } = requireViewer(c)
    const { limit, cursor } = c.req.valid('query')
    const { db, config } = c.get('services')
    const before = positionOf('notifications', cursor)
    const rows = await db.query<NotificationRow>(notificationsOf(userId, before, limit + 1))
    const cut = cutPage('notifications', rows, limit, (row) => row.notification_id)
    const newest = cut.rows[0]
    if (before === null && newest !== undefined && cut.rows.some((row) => !row.read)) {
      const marking = db.query(markNotificationsRead(userId, newest.notification_id))
      c.executionCtx.waitUntil(marking.catch((error: unknown) => logFault(c, 'notifications-read', error)))
    }
    const items = cut.rows.map((row) => ({
      id: row.notification_id,
      kind: row.kind,
      actor: presentPerson(row, config.imageBase),
      subjectId: row.subject_id,
      read: row.read,
      createdAt: new Date(Number(row.created_ms)).toISOString(),
    }))
    return c.json({ items, cursor: cut.cursor }, 200)
  })
}
