/** Reads the bearer token, if there is one. Routes that need a viewer say so with `requireViewer`. */
import type { MiddlewareHandler } from 'hono'
import { problems } from '#core/problem.ts'
import type { AppEnv } from '../context.ts'

const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i

/** The token of an Authorization header; null when there is no header. */
export function bearerToken(header: string | null): string | null {
  if (header === null) return null
  const token = BEARER.exec(header)?.[1]
  if (token === undefined) throw problems.unauthorized('The Authorization header must read: Bearer <access token>.')
  return token
}

export function authenticate(): MiddlewareHandler<AppEnv> {
  return async function authenticateViewer(c, next) {
    const token = bearerToken(c.req.raw.headers.get('authorization'))
    if (token !== null) {
      const { tokens } = c.get('services')
      const reads = c.req.method === 'GET' || c.req.method === 'HEAD'
      c.set('viewer', tokens.remembered(token, reads) ?? (await tokens.verify(token, reads, c.get('trace'))))
    }
    await next()
  }
}
