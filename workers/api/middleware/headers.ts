/** CORS and security headers in one pass. Tokens travel in Authorization, never in cookies, so any origin may read. */
import type { MiddlewareHandler } from 'hono'
import type { AppEnv } from '../context.ts'

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE'
const REQUEST_HEADERS =
  'authorization, content-type, idempotency-key, if-none-match, tideline-debug, traceparent, x-request-id'
const EXPOSED_HEADERS =
  'etag, location, retry-after, server-timing, tideline-degraded, tideline-layers, x-request-id, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset, idempotency-replayed'
/** Browsers keep a preflight's answer for two hours at most. */
const PREFLIGHT_SECONDS = '7200'

/** Of every answer. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = Object.freeze({
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'strict-transport-security': 'max-age=31536000; includeSubDomains',
})

/** Of every answer that brings none of its own: it is data, and no page. */
export const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'"

/** The value of Access-Control-Allow-Origin, or null for an origin that is not on the list. */
export function allowedOrigin(origin: string, allowed: readonly string[]): string | null {
  if (allowed.length === 0) return '*'
  return allowed.includes(origin) ? origin : null
}

export function securityAndCors(): MiddlewareHandler<AppEnv> {
  return async function securityAndCorsHeaders(c, next) {
    const origin = c.req.raw.headers.get('origin')
    const allow = origin === null ? null : allowedOrigin(origin, c.get('services').config.corsOrigins)
    if (allow !== null && c.req.method === 'OPTIONS') return preflight(allow)
    await next()
    // Answers of the image Worker and of fetch have immutable headers; hono copies them when they are set through c.
    const { headers } = c.res
    for (const name in SECURITY_HEADERS) headers.set(name, SECURITY_HEADERS[name] ?? '')
    if (!headers.has('content-security-policy')) headers.set('content-security-policy', DATA_POLICY)
    if (allow !== null) {
      headers.set('access-control-allow-origin', allow)
      headers.set('access-control-expose-headers', EXPOSED_HEADERS)
      if (allow !== '*') headers.append('vary', 'Origin')
    }
    return undefined
  }
}

function preflight(allow: string): Response {
  return new Response(null, {
    status: 204,
    headers: {
      'access-control-allow-origin': allow,
      'access-control-allow-methods': METHODS,
      'access-control-allow-headers': REQUEST_HEADERS,
      'access-control-max-age': PREFLIGHT_SECONDS,
      ...(allow === '*' ? {} : { vary: 'Origin' }),
    },
  })
}
