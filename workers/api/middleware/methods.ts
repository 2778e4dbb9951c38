/** A known address asked in a way that it does not take: 405 and `Allow` (RFC 9110 §15.5.6), not 404. */
import type { NotFoundHandler } from 'hono'
import { problems } from '#core/problem.ts'
import type { App, AppEnv } from '../context.ts'
import { pageFor } from '../page.ts'
import { answerProblem } from './problems.ts'

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** What an address takes; empty when there is none. The router itself is asked, so that it cannot tell another story. */
function allowedMethods({ router }: Pick<App, 'router'>, path: string): string[] {
  // Middleware is registered for every method: only what is registered for this one makes it a known address.
  const allowed = METHODS.filter((method) =>
    router.match(method, path)[0].some(([[, route]]) => route.method === method),
  )
  if (allowed.length === 0) return []
  return [...allowed.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method])), 'OPTIONS']
}

/** For requests that no route has taken: the page, or a problem. OPTIONS without CORS says what the address takes (§9.3.7). */
export function answerUnrouted(app: App): NotFoundHandler<AppEnv> {
  return async function unrouted(c) {
    const page = await pageFor(c)
    if (page !== null) return page
    const allowed = allowedMethods(app, c.req.path)
    if (allowed.length === 0) return answerProblem(problems.notFound('route'), c)
    if (c.req.method === 'OPTIONS') return c.body(null, 204, { allow: allowed.join(', ') })
    return answerProblem(problems.methodNotAllowed(c.req.method, allowed), c)
  }
}
