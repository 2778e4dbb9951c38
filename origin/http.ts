/**
 * The origin's internal API: POST /internal/<method> for the edge, with a service token, JSON in and out, problems
 * (RFC 9457) for errors; and /health and /metrics for operators.
 */
import { type ServerType, serve } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { z } from 'zod'
import { uuidv7 } from '#core/events.ts'
import type { Clock, Random } from '#core/ids.ts'
import { type OriginMethod, originApi, REQUEST_ID_HEADER, TRACEPARENT_HEADER } from '#core/origin-api.ts'
import { Problem, problems } from '#core/problem.ts'
import { type AdmissionLimits, createAdmission, NoRoomError } from './admission.ts'
import { bearerMatcher } from './bearer.ts'
import type { OriginHandlers, RequestContext } from './internal-api.ts'
import type { Logger } from './observe/logger.ts'
import type { Metrics } from './observe/metrics.ts'
import { continueTrace } from './observe/traceparent.ts'
import { CALLS, isLongCall, LONG_CALLS, urgencyOfCall } from './urgency.ts'

/** A route of the internal API that core/origin-api.ts does not list: it is not for the edge's request path. */
export interface InternalEndpoint {
  /** Longest accepted body, in bytes. */
  maxBytes: number
  handle(body: unknown, context: RequestContext): Promise<unknown>
}

/** Makes an endpoint whose input is checked before it is handled. */
export function endpoint<I extends z.ZodType>(
  input: I,
  maxBytes: number,
  handle: (input: z.output<I>, context: RequestContext) => Promise<unknown>,
): InternalEndpoint {
  return { maxBytes, handle: async (body, context) => handle(checked(input, body), context) }
}

export interface InternalApiOptions {
  /** Any of these opens /internal; several, so that they can be rotated. None: nothing opens it. */
  serviceTokens: readonly string[]
  /** Any of these opens /metrics; the service tokens when left out. */
  metricsTokens?: readonly string[]
  methods: OriginHandlers
  /** Further routes by path, for example "/internal/ingest". */
  endpoints?: Record<string, InternalEndpoint>
  /** What this process depends on; an entry that throws makes /health answer 503. */
  health?: Record<string, () => Promise<unknown>>
  /** What /health shows beside that, without a say in its status. */
  details?(): Record<string, unknown>
  /** Calls at once; those that have to wait are taken by their urgency. */
  limits?: AdmissionLimits
  clock: Clock
  random: Random
  logger: Logger
  metrics: Metrics
}

type Variables = { requestId: string; context: RequestContext }
export type InternalApi = Hono<{ Variables: Variables }>

/** The edge's calls carry text and ids; media goes to object storage directly. */
const METHOD_BYTES = 256 * 1024
/** A dependency that is silent for so long is down: whoever probes /health may have no more than a second (Kubernetes' default). */
const HEALTH_CHECK_MS = 900
/** The edge gives a call up sooner: whoever is still connected after this is not waiting for an answer. */
const CLOSE_MS = 10_000

/** The app, to be mounted or served; the composition root may add routes of its own. */
export function createInternalApi(options: InternalApiOptions): InternalApi {
  const { metrics, logger } = options
  const app: InternalApi = new Hono()
  const routes: Record<string, InternalEndpoint> = { ...methodEndpoints(options.methods), ...options.endpoints }
  const named = new Set([...Object.keys(routes), '/health', '/metrics'])
  const seconds = metrics.histogram('http_request_seconds', 'Time to answer a request', ['route', 'status'])
  app.use(async function measure(c, next) {
    const startedMs = performance.now()
    identify(c, options)
    await next()
    // Paths that callers make up must not become labels.
    const route = named.has(c.req.path) ? c.req.path : 'other'
    seconds.observe({ route, status: c.res.status }, (performance.now() - startedMs) / 1000)
  })
  app.onError((error, c) => answerProblem(c, asProblem(error, logger, c)))
  app.notFound((c) => answerProblem(c, problems.notFound('route')))

  app.use('/internal/*', bearerOnly(options.serviceTokens))
  app.use('/internal/*', admit(options.limits ?? CALLS))
  for (const [path, { maxBytes, handle }] of Object.entries(routes)) {
    app.post(path, limitTo(maxBytes), async (c) =>
      c.json((await handle(await readJson(c), c.get('context'))) as object),
    )
  }
  app.get('/health', (c) => answerHealth(c, options.health ?? {}, options.details?.() ?? {}))
  app.use('/metrics', bearerOnly(options.metricsTokens ?? options.serviceTokens))
  app.get('/metrics', async (c) => {
    const { body, contentType } = await metrics.expose()
    return c.body(body, 200, { 'content-type': contentType })
  })
  return app
}

/** Every method of core's contract that a tier offers, as a route. */
function methodEndpoints(methods: OriginHandlers): Record<string, InternalEndpoint> {
  const routes: Record<string, InternalEndpoint> = {}
  for (const method of Object.keys(methods) as OriginMethod[]) {
    const handler = methods[method] as ((input: unknown, context: RequestContext) => Promise<unknown>) | undefined
    if (!handler) continue
    const { input, output } = originApi[method]
    routes[`/internal/${method}`] = endpoint(input, METHOD_BYTES, async (value, context) =>
      // What leaves is held to the contract too: a field that a handler adds by mistake never reaches the edge.
      output.parse(await handler(value, context)),
    )
  }
  return routes
}

function checked<I extends z.ZodType>(schema: I, body: unknown): z.output<I> {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  const errors = parsed.error.issues.map(({ path, message }) => ({ pointer: `/${path.join('/')}`, detail: message }))
  throw problems.badRequest('The input does not have the shape of this method.', errors)
}

/** Takes over the caller's request id and trace, or makes them. */
function identify(c: Context<{ Variables: Variables }>, { clock, random, logger }: InternalApiOptions): void {
  const given = c.req.header(REQUEST_ID_HEADER) ?? ''
  const requestId = /^[\w.:-]{1,128}$/.test(given) ? given : uuidv7(clock, random)
  const traceparent = continueTrace(c.req.header(TRACEPARENT_HEADER), random)
  const context: RequestContext = {
    requestId,
    traceparent,
    logger: logger.child({ requestId, traceparent }),
  }
  c.set('requestId', requestId)
  c.set('context', context)
  c.header(REQUEST_ID_HEADER, requestId)
}

function bearerOnly(tokens: readonly string[]) {
  const matches = bearerMatcher(tokens)
  return async function bearer(c: Context, next: () => Promise<void>) {
    if (!matches(c.req.header('authorization'))) throw problems.unauthorized('This needs a service token.')
    await next()
  }
}

/** @throws Problem 503 when there is too much to do */
function admit(limits: AdmissionLimits) {
  const [calls, longCalls] = [createAdmission(limits), createAdmission(LONG_CALLS)]
  return async function admitCall(c: Context, next: () => Promise<void>) {
    const { path } = c.req
    const leave = await (isLongCall(path) ? longCalls : calls).enter(urgencyOfCall(path)).catch((error: unknown) => {
      throw error instanceof NoRoomError ? problems.overloaded() : error
    })
    try {
      await next()
    } finally {
      leave()
    }
  }
}

/**
 * Refuses bodies that are too large. One whose length is told is then read in one piece: hono's limit would first make a stream of it,
 * half the CPU of a small call. Node reads no more of it than was told.
 */
function limitTo(maxSize: number) {
  const onError = () => {
    throw problems.tooLarge(`The body may have ${maxSize} bytes.`)
  }
  const counted = bodyLimit({ maxSize, onError })
  return async function limitBody(c: Context, next: () => Promise<void>) {
    const told = c.req.header('content-length')
    if (told === undefined || c.req.header('transfer-encoding') !== undefined) return counted(c, next)
    if (Number(told) > maxSize) onError()
    return next()
  }
}

async function readJson(c: Context): Promise<unknown> {
  try {
    return await c.req.json()
  } catch (error) {
    if (error instanceof Problem) throw error
    throw problems.badRequest('The body is not JSON.')
  }
}

function asProblem(error: unknown, logger: Logger, c: Context<{ Variables: Variables }>): Problem {
  const log = c.get('context')?.logger ?? logger
  if (error instanceof Problem) {
    // Of those there are too many for a line each; metrics have their number.
    if (error.status >= 500 && error.code !== 'overloaded')
      log.error({ err: error, path: c.req.path }, 'a request failed')
    return error
  }
  log.error({ err: error, path: c.req.path }, 'a request failed unexpectedly')
  return new Problem({ status: 500, code: 'internal', title: 'Something went wrong on our side', cause: error })
}

function answerProblem(c: Context<{ Variables: Variables }>, problem: Problem): Response {
  const requestId = c.get('requestId')
  const answer = problem.toResponse(c.req.path, requestId)
  answer.headers.set(REQUEST_ID_HEADER, requestId)
  return answer
}

async function answerHealth(
  c: Context,
  checks: Record<string, () => Promise<unknown>>,
  details: Record<string, unknown>,
): Promise<Response> {
  const entries = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await stateOf(check)] as const),
  )
  const healthy = entries.every(([, state]) => state === 'up')
  const dependencies = Object.fromEntries(entries)
  return c.json({ status: healthy ? 'ok' : 'degraded', dependencies, ...details }, healthy ? 200 : 503)
}

async function stateOf(check: () => Promise<unknown>): Promise<'up' | 'down'> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'down'>((resolve) => {
    timer = setTimeout(resolve, HEALTH_CHECK_MS, 'down')
  })
  const checked = check().then(
    () => 'up' as const,
    () => 'down' as const,
  )
  try {
    return await Promise.race([checked, late])
  } finally {
    clearTimeout(timer)
  }
}

export interface RunningServer {
  port: number
  /** Refuses new requests, lets those at work finish, then closes. Cuts those that are not done in time. */
  close(): Promise<void>
}

/**
 * Serves an app on Node.
 * @param address port 0 chooses a free one
 * @param closeMs how long `close` waits for requests at work before it cuts them
 */
export function serveApi(
  app: Pick<InternalApi, 'fetch'>,
  address: { host: string; port: number },
  closeMs: number = CLOSE_MS,
): Promise<RunningServer> {
  return new Promise((resolve, reject) => {
    const server: ServerType = serve({ fetch: app.fetch, hostname: address.host, port: address.port }, ({ port }) => {
      resolve({
        port,
        close: () =>
          new Promise<void>((closed, failed) => {
            const cut = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), closeMs)
            server.close((error) => {
              clearTimeout(cut)
              if (error) failed(error)
              else closed()
            })
            if ('closeIdleConnections' in server) server.closeIdleConnections()
          }),
      })
    })
    server.on('error', reject)
  })
}
