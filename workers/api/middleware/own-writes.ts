/**
 * Who writes reads the primary, in that request and for a while after it: noted in Redis, where every isolate finds it,
 * beside the write and before its answer.
 */
import type { MiddlewareHandler } from 'hono'
import type { AppEnv } from '../context.ts'
import { logFault } from '../data/after-commit.ts'
import { NO_REPLICAS, noteWrite } from '../data/replica-reads.ts'

export function noteOwnWrites(): MiddlewareHandler<AppEnv> {
  return async function noteOwnWrite(c, next) {
    const services = c.get('services')
    const isRead = c.req.method === 'GET' || c.req.method === 'HEAD'
    if (isRead || !services.replicas.isConfigured) return next()
    c.set('services', { ...services, replicas: NO_REPLICAS })
    const viewer = c.get('viewer')
    if (viewer === null) return next()
    const noting = services.redis
      .pipeline([noteWrite(viewer.userId)])
      .catch((error: unknown) => logFault(c, 'own-write', error))
    await next()
    await noting
  }
}
