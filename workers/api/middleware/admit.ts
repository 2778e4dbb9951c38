/**
 * Takes a request on, or lets it go at once: before anything else is done for it, since under overload it is the refusals that
 * there are most of. What can be queued is queued for a while longer.
 */
import type { Context, MiddlewareHandler, Next } from 'hono'
import { type LoadClass, URGENCY } from '#core/load.ts'
import { REQUEST_ID_HEADER } from '#core/origin-api.ts'
import { problems } from '#core/problem.ts'
import type { AppEnv } from '../context.ts'
import { OriginAwayError } from '../data/origin.ts'
import { DatabaseAwayError } from '../data/postgres.ts'
import { type Services, servicesFor } from '../services.ts'
import { allowedOrigin, SECURITY_HEADERS } from './headers.ts'
import { requestId } from './trace.ts'

/** Writes that the edge queue takes in place of their store: posts, likes, shares, comments. */
const DEFERRABLE = /^\/v1\/posts(?:\/\d+\/(?:like|share|comments(?:\/\d+)?))?$/
/** Nobody waits for what comes of these. */
const BACKGROUND = /^\/v1\/(?:signals|reports|me\/export)$/

/** @param isSigned it brings a token: a feed without one is none */
export function loadClass(method: string, path: string, isSigned: boolean): LoadClass {
  if (method === 'GET' || method === 'HEAD') return path === '/v1/feed' && isSigned ? 'feed' : 'interactive'
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
    const { load } = services
    // Costs nothing, and a browser shows its refusal as an error of the page's, not as one to come again after.
    if (c.req.method === 'OPTIONS') {
      c.set('services', services)
      c.set('urgency', URGENCY.interactive)
      return next()
    }
    const kind = loadClass(c.req.method, c.req.path, c.req.raw.headers.has('authorization'))
    let runs: Services = services
    if (!load.enter(kind)) {
      // For what takes little, a look into Redis and a message, there is room longer. The last quarter is the feed's alone.
      const isQueued = kind === 'deferrable' && load.enter('interactive')
      services.observations.shed(kind, isQueued ? 'queued' : 'refused')
      if (!isQueued) return refusal(c, services)
      runs = relieved(services)
    }
    c.set('services', runs)
    c.set('urgency', URGENCY[kind])
    const work = untilLeft(c, next, services, kind)
    // A request whose client has gone is ended by the runtime where it stands, and no `finally` of it runs: its place would be
    // taken for as long as the isolate lives.
    c.executionCtx.waitUntil(work)
    await work
    return undefined
  }
}

async function untilLeft(c: Context<AppEnv>, next: Next, { load, clock }: Services, kind: LoadClass): Promise<void> {
  const startedMs = clock()
  try {
    await next()
  } finally {
    // A request that is refused before anything was read says nothing of how long a feed takes.
    const { status } = c.res
    if (kind === 'feed' && c.get('viewer') !== null && (status === 200 || status === 304))
      load.took(clock() - startedMs)
    load.leave()
  }
}

/** No problem of one's own, and no line in the log: there are too many of them, and metrics have their number. */
function refusal(c: Context<AppEnv>, { config, random }: Services): Response {
  const { headers } = c.req.raw
  const origin = headers.get('origin')
  const allow = origin === null ? null : allowedOrigin(origin, config.corsOrigins)
  return new Response(BODY, {
    status: OVERLOADED.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...SECURITY_HEADERS,
      ...OVERLOADED.headers,
      [REQUEST_ID_HEADER]: requestId(headers.get(REQUEST_ID_HEADER), random),
      ...(allow === null
        ? {}
        : {
            'access-control-allow-origin': allow,
            'access-control-expose-headers': `retry-after, ${REQUEST_ID_HEADER}`,
          }),
      ...(allow === null || allow === '*' ? {} : { vary: 'Origin' }),
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
