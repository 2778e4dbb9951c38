/** Counts every answer, and hands the counts over to the origin once in a while, after an answer. */
import type { MiddlewareHandler } from 'hono'
import { routePath } from 'hono/route'
import type { AppEnv } from '../context.ts'

export function observe(): MiddlewareHandler<AppEnv> {
  return async function observeAnswer(c, next) {
    const { observations, clock, origin } = c.get('services')
    const startedMs = clock()
    await next()
    const nowMs = clock()
    const { status, headers } = c.res
    observations.answered(`${c.req.method} ${routePath(c)}`, status, nowMs - startedMs)
    // Answers that a client may keep: of these, those of which it had the newest already.
    if (status === 304) observations.read('client', 1, 0)
    else if (status === 200 && headers.has('etag')) observations.read('client', 0, 1)
    const due = observations.takeDue(nowMs)
    if (due === null) return
    // An origin that is away gets them later.
    c.executionCtx.waitUntil(origin.call('observe.edge', due, c.get('trace')).catch(() => observations.putBack(due)))
  }
}
