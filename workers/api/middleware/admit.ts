/**
 * Takes a request on, or lets it go at once: before anything else is done for it, since under overload it is the refusals that
 * there are most of. What can be queued is queued for as long as there is room for a feed.
 */
import type { Context, MiddlewareHandler } from 'hono'
import { type LoadClass, URGENCY } from '#core/load.ts'
import { problems } from '#core/problem.ts'
import type { AppEnv } from '../context.ts'
import { OriginAwayError } from '../data/origin.ts'
import { DatabaseAwayError } from '../data/postgres.ts'
import { type Services, servicesFor } from '../services.ts'
import { allowedOrigin } from './headers.ts'

/** Writes that the edge queue takes in place of their store: posts, likes, shares, comments. */
const DEFERRABLE = /^\/v1\/posts(?:\/\d+\/(?:like|share|comments(?:\/\d+)?))?$/
/** Nobody waits for what comes of these. */
const BACKGROUND = /^\/v1\/(?:signals|reports|me\/export)$/

export function loadClass(method: string, path: string): LoadClass {
  if (method === 'GET' || method === 'HEAD' || method === 'OPTIONS') return path === '/v1/feed' ? 'feed' : 'interactive'
  if (BACKGROUND.test(path)) return 'background'
  // A post that is deleted is deleted for its author now, or not at all.
  const isPostItself = method === 'DELETE' && /^\/v1\/posts\/\d+$/.test(path)
  return DEFERRABLE.test(path) && !isPostItself ? 'deferrable' : 'interactive'
}

const OVERLOADED = problems.overloaded()
const BODY = JSON.stringify(OVERLOADED.toJSON())

export function admit(): MiddlewareHandler<AppEnv> {
  return async function admitRequest(c, next) {
    const services = servicesFor(c.env)
    const { load, clock } = services
    const kind = loadClass(c.req.method, c.req.path)
    let runs: Services = services
    if (!load.enter(kind)) {
      // A feed's room, for what takes little: a look into Redis and a message.
      const isQueued = kind === 'deferrable' && load.enter('feed')
      services.observations.shed(kind, isQueued ? 'queued' : 'refused')
      if (!isQueued) return refusal(c, services)
      runs = relieved(services)
    }
    const startedMs = clock()
    c.set('services', runs)
    c.set('urgency', URGENCY[kind])
    try {
      await next()
    } finally {
      if (kind === 'feed') load.took(clock() - startedMs)
      load.leave()
    }
    return undefined
  }
}

/** No problem of one's own, and no line in the log: there are too many of them, and metrics have their number. */
function refusal(c: Context<AppEnv>, { config }: Services): Response {
  const origin = c.req.raw.headers.get('origin')
  const allow = origin === null ? null : allowedOrigin(origin, config.corsOrigins)
  return new Response(BODY, {
    status: OVERLOADED.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...OVERLOADED.headers,
      ...(allow === null
        ? {}
        : { 'access-control-allow-origin': allow, 'access-control-expose-headers': 'retry-after' }),
    },
  })
}

const LEFT_ALONE = new Error('there is more to do than can be done in time')

/** Without the stores that a queue stands in for: routes do what they do where those are away. */
function relieved(services: Services): Services {
  const refuse = async () => {
    throw new DatabaseAwayError(LEFT_ALONE)
  }
  const refusing = { query: refuse, batch: refuse }
  return {
    ...services,
    db: refusing,
    dbOf: { high: refusing, auto: refusing, low: refusing },
    origin: {
      call: async (method) => {
        throw new OriginAwayError(method, LEFT_ALONE)
      },
      reachable: async () => false,
    },
  }
}
