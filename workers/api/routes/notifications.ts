/** What a person was told. */
import { createRoute, z } from '@hono/zod-openapi'
import { markNotificationsRead, type NotificationRow, notificationsOf } from '#drizzle/queries/people.ts'
import { type App, requireViewer } from '../context.ts'
import { presentPerson } from '../present/people.ts'
import { cutPage, positionOf } from './paging.ts'
import { body, empty, id, instant, json, Person, page, pageQuery, refusals, signedIn } from './schemas.ts'

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

export const NotificationsRead = z.strictObject({
  upTo: id.openapi({ description: 'The newest notification that was looked at.' }),
})

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
    200: json(page(Notification), 'Newest first.'),
    ...refusals(401),
  },
})
const markRead = createRoute({
  operationId: 'markNotificationsRead',
  summary: 'Mark notifications as read, up to one.',
  description: 'Listing them marks nothing. It may be repeated; what has come after `upTo` stays unread.',
  method: 'put',
  path: '/v1/notifications/read',
  tags: ['notifications'],
  security: signedIn,
  request: { body: body(NotificationsRead) },
  responses: { 204: empty('Read: this one and all before it.'), ...refusals(401, 413, 415) },
})

export function registerNotifications(app: App): void {
  app.openapi(list, async (c) => {
    const { userId } = requireViewer(c)
    const { limit, cursor } = c.req.valid('query')
    const { db, config } = c.get('services')
    const before = positionOf('notifications', cursor)
    const rows = await db.query<NotificationRow>(notificationsOf(userId, before, limit + 1))
    const cut = cutPage('notifications', rows, limit, (row) => row.notification_id)
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

  app.openapi(markRead, async (c) => {
    const { userId } = requireViewer(c)
    await c.get('services').db.query(markNotificationsRead(userId, c.req.valid('json').upTo))
    return c.body(null, 204)
  })
}
