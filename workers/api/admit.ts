/**
 * Takes a request on, or lets it go at once: before the app has heard of it, since under overload it is the refusals that there
 * are most of. What can be queued is queued for a while longer.
 */
import type { Clock } from '#core/ids.ts'
import { type LoadClass, URGENCY } from '#core/load.ts'
import { REQUEST_ID_HEADER } from '#core/origin-api.ts'
import { problems } from '#core/problem.ts'
import { OriginAwayError } from './data/origin.ts'
import { DatabaseAwayError } from './data/postgres.ts'
import { allowedOrigin, DATA_POLICY, SECURITY_HEADERS } from './middleware/headers.ts'
import { requestId } from './middleware/trace.ts'
import { environmentWith, type Services, servicesFor } from './services.ts'

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

/** How soon a request comes at the gateways behind the edge. */
export const urgencyOf = ({ method, headers }: Request, path: string): number =>
  URGENCY[loadClass(method, path, headers.has('authorization'))]

/**
 * What costs next to nothing: pictures, which the image Worker admits, health, and what a browser asks before it asks; a browser
 * shows a refusal of that as an error of the page's, not as one to come again after.
 */
const isFree = (method: string, path: string): boolean =>
  method === 'OPTIONS' ||
  ((method === 'GET' || method === 'HEAD') &&
    (path === '/health' || path.startsWith('/img/') || path.startsWith('/cdn-cgi/image/')))

type Serve = (request: Request, env: ApiEnv, ctx: ExecutionContext) => Response | Promise<Response>

/** The same server, which is asked only for what there is room for. */
export function admitting(serve: Serve): Serve {
  return function admit(request, env, ctx) {
    const { method } = request
    const path = pathOf(request.url)
    const services = isFree(method, path) ? null : readyServices(env)
    if (services === null) return serve(request, env, ctx)
    const { load, clock, observations } = services
    const kind = loadClass(method, path, request.headers.has('authorization'))
    let runsIn = env
    let place = load.enter(kind)
    if (place === null) {
      // For what takes little, a look into Redis and a message, there is room longer. The last quarter is the feed's alone.
      if (kind === 'deferrable') place = load.enter('interactive')
      observations.shed(kind, place === null ? 'refused' : 'queued')
      if (place === null) return refusal(request.headers, services)
      runsIn = environmentWith(env, relieved(services))
    }
    const taken = place
    if (load.asksHowLate()) ctx.waitUntil(lateness(clock).then((ms) => load.late(ms)))
    const startedMs = clock()
    const answer = Promise.resolve(serve(request, runsIn, ctx))
    // A request whose client has gone is ended by the runtime where it stands, and nothing of it runs on: its place would be
    // taken until it is forgotten.
    ctx.waitUntil(
      answer.then(
        ({ status }) => {
          // A feed that is refused before anything was read says nothing of how long one takes.
          if (kind === 'feed' && (status === 200 || status === 304)) load.took(clock() - startedMs)
          load.leave(taken)
        },
        () => load.leave(taken),
      ),
    )
    return answer
  }
}

/** Milliseconds of the timer that is looked at. */
const TIMER_MS = 10

/** By how many milliseconds a timer comes late: nobody tells a Worker since when a request has waited for it. */
async function lateness(clock: Clock): Promise<number> {
  const dueMs = clock() + TIMER_MS
  await scheduler.wait(TIMER_MS)
  return Math.max(0, clock() - dueMs)
}

/** Null where the settings are wrong: the app says so. */
function readyServices(env: ApiEnv): Services | null {
  try {
    return servicesFor(env)
  } catch {
    return null
  }
}

/** Of an address with scheme and host. */
function pathOf(url: string): string {
  const start = url.indexOf('/', url.indexOf('://') + 3)
  const end = url.indexOf('?', start)
  return end === -1 ? url.slice(start) : url.slice(start, end)
}

const OVERLOADED = problems.overloaded()
const BODY = JSON.stringify(OVERLOADED.toJSON())
const HEADERS: Readonly<Record<string, string>> = Object.freeze({
  'content-type': 'application/problem+json',
  'cache-control': 'no-store',
  'content-security-policy': DATA_POLICY,
  ...SECURITY_HEADERS,
  ...OVERLOADED.headers,
})
const EXPOSED = `retry-after, ${REQUEST_ID_HEADER}`

/** No problem of one's own, and no line in the log: there are too many of them, and metrics have their number. */
function refusal(asked: Headers, { config, random }: Services): Response {
  const answer = new Response(BODY, { status: OVERLOADED.status, headers: HEADERS })
  const { headers } = answer
  headers.set(REQUEST_ID_HEADER, requestId(asked.get(REQUEST_ID_HEADER), random))
  const origin = asked.get('origin')
  const allow = origin === null ? null : allowedOrigin(origin, config.corsOrigins)
  if (allow === null) return answer
  headers.set('access-control-allow-origin', allow)
  headers.set('access-control-expose-headers', EXPOSED)
  if (allow !== '*') headers.set('vary', 'Origin')
  return answer
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
