/** Around every request: its identity, its services, its timings, and one JSON line when it is answered. */
import type { MiddlewareHandler } from 'hono'
import { REQUEST_ID_HEADER, TRACEPARENT_HEADER } from '#core/origin-api.ts'
import type { AppEnv } from '../context.ts'
import { layersAsked, mayBeTold, watchedServices } from './layers.ts'
import { Timings, timedServices } from './timings.ts'
import { requestId, traceparent } from './trace.ts'

interface AccessLine {
  level: 'info' | 'warn' | 'error'
  msg: 'request'
  requestId: string
  traceparent: string
  method: string
  path: string
  status: number
  ms: number
  userId: string | null
  io: Timings
  code?: string
  error?: string
}

/** @param log takes one line of JSON an answer */
export function envelope(log: (line: string) => void): MiddlewareHandler<AppEnv> {
  return async function requestEnvelope(c, next) {
    const services = c.get('services')
    const { headers } = c.req.raw
    const trace = {
      requestId: requestId(headers.get(REQUEST_ID_HEADER), services.random),
      traceparent: traceparent(headers.get(TRACEPARENT_HEADER), services.random),
    }
    const timings = new Timings(services.clock)
    c.set('trace', trace)
    c.set('timings', timings)
    const layers = layersAsked(headers)
    const timed = timedServices(services, timings, c.get('urgency'))
    c.set('services', layers === null ? timed : watchedServices(timed, layers))
    c.set('viewer', null)
    await next()
    // What a shared cache may keep says so itself: anything else depends on who asks, and changes at any time.
    if (c.req.path.startsWith('/v1/') && !c.res.headers.has('cache-control')) {
      c.res.headers.set('cache-control', 'private, no-cache')
    }
    const timing = timings.header()
    c.res.headers.set(REQUEST_ID_HEADER, trace.requestId)
    if (timing !== '') c.res.headers.set('server-timing', timing)
    if (layers !== null && mayBeTold(c.get('viewer'), c.res.headers)) {
      const told = layers.header(timings.calls())
      c.res.headers.set('tideline-layers', told)
      c.res.headers.append('server-timing', `layers;desc="${told}"`)
    }
    const { status } = c.res
    if (status < 500 && services.config.accessLog === 'faults') return
    const line: AccessLine = {
      level: status >= 500 ? 'error' : 'info',
      msg: 'request',
      ...trace,
      method: c.req.method,
      path: c.req.path,
      status,
      ms: services.clock() - timings.startedMs,
      userId: c.get('viewer')?.userId ?? null,
      io: timings,
      ...faultOf(c.error),
    }
    log(JSON.stringify(line))
  }
}

/** What went wrong inside, for the log only: the chain of causes without stacks or SQL parameters. */
function faultOf(error: Error | undefined): { code?: string; error?: string } {
  if (error === undefined) return {}
  const chain: string[] = []
  for (let e: unknown = error; e instanceof Error && chain.length < 4; e = e.cause) {
    chain.push(`${e.name}: ${e.message.split('\n')[0]?.slice(0, 200)}`)
  }
  const code = 'code' in error && typeof error.code === 'string' ? { code: error.code } : {}
  return { ...code, error: chain.join(' ← ') }
}
