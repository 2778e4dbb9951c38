/** What a handler finds on its context. */
import type { OpenAPIHono } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { problems } from '#core/problem.ts'
import type { Viewer } from './auth/tokens.ts'
import type { CallTrace } from './data/origin.ts'
import type { Timings } from './middleware/timings.ts'
import type { Services } from './services.ts'

export interface AppEnv {
  Bindings: ApiEnv
  Variables: {
    /** The isolate's services, with their I/O timed for this request. */
    services: Services
    /** Request id and trace context of this request. */
    trace: CallTrace
    timings: Timings
    /** How soon this request comes at the gateways (core/load.ts). */
    urgency: number
    /** Null: nobody has signed in. */
    viewer: Viewer | null
  }
}

export type App = OpenAPIHono<AppEnv>
export type AppContext = Context<AppEnv>

/**
 * The person who asks.
 * @throws Problem 401 when nobody has signed in
 */
export function requireViewer(c: AppContext): Viewer {
  const viewer = c.get('viewer')
  if (viewer === null) throw problems.unauthorized('Send an access token: Authorization: Bearer <token>.')
  return viewer
}
