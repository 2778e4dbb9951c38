/** Is this Worker answering. It asks nothing behind it: a Worker that is up serves what it can while stores are away. */
import { createRoute, z } from '@hono/zod-openapi'
import { EDGE_DEPENDENCIES } from '#core/edge-observations.ts'
import type { App } from '../context.ts'
import { servicesFor } from '../services.ts'
import { json } from './schemas.ts'

const health = z.object({
  status: z.literal('ok'),
  leftAlone: z.array(z.enum(EDGE_DEPENDENCIES)).openapi({
    description: 'What the isolate that answers has found away and asks once a second only (circuit breakers).',
  }),
})

const route = createRoute({
  operationId: 'health',
  summary: 'Ask whether the API answers.',
  description: 'It asks nothing behind it.',
  method: 'get',
  path: '/health',
  tags: ['operations'],
  responses: { 200: json(health, 'It answers.') },
})

export function registerHealth(app: App): void {
  app.openapi(route, (c) => {
    c.header('cache-control', 'no-store')
    return c.json({ status: 'ok' as const, leftAlone: servicesFor(c.env).leftAlone() }, 200)
  })
}
