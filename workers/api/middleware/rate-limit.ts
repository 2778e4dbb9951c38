/** Counts each request against its limit and says so in X-RateLimit headers. */
import type { MiddlewareHandler } from 'hono'
import { problems } from '#core/problem.ts'
import type { AppContext, AppEnv } from '../context.ts'
import type { RateLimitVerdict, RouteClass } from '../rate-limits.ts'

/** Where passwords are tried. Not the renewal of tokens: theirs are not to be guessed, and each page that is opened asks for one. */
const SIGN_IN = new Set(['/v1/accounts', '/v1/sessions'])

function routeClass(method: string, path: string): RouteClass {
  if (method === 'GET' || method === 'HEAD') return 'read'
  return method === 'POST' && SIGN_IN.has(path) ? 'sign-in' : 'write'
}

/** Cloudflare names it; nothing that a client says of itself counts. */
export const addressOf = (c: AppContext): string => c.req.raw.headers.get('cf-connecting-ip') ?? 'unknown'

export function rateLimit(): MiddlewareHandler<AppEnv> {
  return async function limitRate(c, next) {
    const key = c.get('viewer')?.userId ?? addressOf(c)
    const verdict = c.get('services').limits.take(routeClass(c.req.method, c.req.path), key)
    enforce(c, verdict instanceof Promise ? await verdict : verdict)
    await next()
  }
}

/** @throws Problem 429 */
function enforce(c: AppContext, verdict: RateLimitVerdict): void {
  c.header('x-ratelimit-limit', String(verdict.limit))
  c.header('x-ratelimit-remaining', String(verdict.remaining))
  c.header('x-ratelimit-reset', String(verdict.resetSeconds))
  if (!verdict.allowed) throw problems.tooMany(verdict.resetSeconds)
}
