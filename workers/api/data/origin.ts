/** The origin's internal API as typed calls: POST /internal/<method>, a service token, problems for errors. */
import type { Breaker } from '#core/breaker.ts'
import {
  type OriginInput,
  type OriginMethod,
  type OriginOutput,
  REQUEST_ID_HEADER,
  TRACEPARENT_HEADER,
} from '#core/origin-api.ts'
import { Problem, type ProblemBody, problems } from '#core/problem.ts'

/** The origin did not answer in time, or the service behind this method is down. Writes are queued, searches say 503. */
export class OriginAwayError extends Error {
  constructor(method: string, cause: unknown) {
    super(`the origin did not answer ${method}`, { cause })
    this.name = 'OriginAwayError'
  }
}

/** Identity of the request that a call belongs to. */
export interface CallTrace {
  requestId: string
  traceparent: string
}

export interface OriginClient {
  /**
   * @throws OriginAwayError when it cannot be done now
   * @throws Problem as the origin answered it, for what the client did wrong
   */
  call<M extends OriginMethod>(method: M, input: OriginInput<M>, trace: CallTrace): Promise<OriginOutput<M>>
  /** False while calls fail or time out. Asks the origin when nothing is known. */
  reachable(trace: CallTrace): Promise<boolean>
}

export interface OriginConfig {
  url: string
  token: string
  timeoutMs: number
}

/** What the origin answers when no role of it serves the method. */
const NO_SUCH_METHOD = problems.notFound('route').detail

/** Methods that take longer: a large upload is fetched, looked into and put in its place before the answer. */
const LONGER_MS: { readonly [M in OriginMethod]?: number } = { 'media.complete': 20_000 }

/** The answer of a probe is only a yes or no: it may be short. */
const PROBE_TIMEOUT_MS = 300

export function originClient(config: OriginConfig, breaker: Breaker): OriginClient {
  const post = (method: string, input: unknown, trace: CallTrace, timeoutMs: number) =>
    fetch(`${config.url}/internal/${method}`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${config.token}`,
        [REQUEST_ID_HEADER]: trace.requestId,
        [TRACEPARENT_HEADER]: trace.traceparent,
      },
      body: JSON.stringify(input),
      signal: AbortSignal.timeout(timeoutMs),
    })

  return {
    async call(method, input, trace) {
      if (!breaker.allows()) throw new OriginAwayError(method, new Error('left alone for a moment'))
      let response: Response
      let text: string
      try {
        response = await post(method, input, trace, LONGER_MS[method] ?? config.timeoutMs)
        text = await response.text()
      } catch (error) {
        breaker.failed()
        throw new OriginAwayError(method, error)
      }
      // 5xx is a store behind one method: the others may work, so it does not open the breaker. 404 for the method
      // itself means that this role is not running.
      breaker.succeeded()
      if (response.ok) return JSON.parse(text) as OriginOutput<typeof method>
      throw failure(method, response, text)
    },
    async reachable(trace) {
      if (breaker.isOpen()) return false
      try {
        const response = await post('accounts.jwks', {}, trace, PROBE_TIMEOUT_MS)
        await response.body?.cancel()
        if (response.ok) breaker.succeeded()
        return response.ok
      } catch {
        breaker.failed()
        return false
      }
    },
  }
}

function failure(method: string, response: Response, text: string): Error {
  const body = readProblem(text)
  // 401 may be the client's (a wrong password) or ours (a wrong service token), which is an outage to the client.
  const ours = body === null || body.code === 'unauthorized' || body.detail === NO_SUCH_METHOD
  if (ours || response.status >= 500) {
    return new OriginAwayError(method, new Error(`${response.status} ${text.slice(0, 200)}`))
  }
  const retryAfter = response.headers.get('retry-after')
  return new Problem({
    status: body.status,
    code: body.code,
    title: body.title,
    ...(body.detail === undefined ? {} : { detail: body.detail }),
    ...(body.errors === undefined ? {} : { errors: body.errors }),
    ...(retryAfter === null ? {} : { headers: { 'retry-after': retryAfter } }),
  })
}

function readProblem(text: string): ProblemBody | null {
  try {
    const body = JSON.parse(text) as ProblemBody
    return typeof body.code === 'string' && typeof body.status === 'number' ? body : null
  } catch {
    return null
  }
}
