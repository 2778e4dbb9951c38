/** Is this Worker answering. It looks at nothing behind it: a Worker that is up serves what it can while stores are away. */
import { createRoute, z } from '@hono/zod-openapi'
import type { App } from '../context.ts'
import { json } from './schemas.ts'

const route = createRoute({
  operationId: 'health',
  method: 'get',
  path: '/health',
  tags: ['operations'],
  responses: { 200: json(z.object({ status: z.literal('ok') }), 'It answers.') },
})

export function registerHealth(app: App): void {
  app.openapi(route, (c) => {
    c.header('cache-control', 'no-store')
    return c.json({ status: 'ok' as const }, 200)
  })
}
