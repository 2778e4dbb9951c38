/** What a request runs with: the services of its isolate, and how urgent it is. */
import type { MiddlewareHandler } from 'hono'
import { urgencyOf } from '../admit.ts'
import type { AppEnv } from '../context.ts'
import { servicesFor } from '../services.ts'

export function provide(): MiddlewareHandler<AppEnv> {
  return function provideServices(c, next) {
    c.set('services', servicesFor(c.env))
    c.set('urgency', urgencyOf(c.req.raw, c.req.path))
    return next()
  }
}
