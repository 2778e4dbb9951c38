/** Answers the gateway's HTTP requests: SQL, health, preflights, and refusals of all else. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { urgencyOf } from '../../admission.ts'
import { BodyAbortedError, BodyTooLargeError, readBody, sendJson, sendJsonText } from '../http.ts'
import { formatAnswer } from './answer.ts'
import { type CredentialCheck, parseConnectionString, wrongPassword } from './credentials.ts'
import type { Databases } from './databases.ts'
import { errorAnswer, GatewayError } from './errors.ts'
import type { GatewayHealth } from './health.ts'
import type { GatewayMetrics, GatewayRoute } from './metrics.ts'
import { parseSqlRequest } from './request.ts'
import type { GatewayLogger, NeonGatewayLimits } from './settings.ts'

interface HandlerParts {
  databases: Databases
  isAccepted: CredentialCheck
  health(): Promise<GatewayHealth>
  /** Headers of every answer that a page may read. */
  cors: Record<string, string>
  limits: NeonGatewayLimits
  logger: GatewayLogger
  metrics: GatewayMetrics
  now: () => number
}

const ALLOWED_HEADERS = [
  'authorization',
  'content-type',
  'neon-array-mode',
  'neon-batch-deferrable',
  'neon-batch-isolation-level',
  'neon-batch-read-only',
  'neon-connection-string',
  'neon-raw-text-output',
  'priority',
].join(', ')

/** Answers a request, whatever becomes of it, and counts the answer. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

export function createHandler(parts: HandlerParts): Handler {
  const { health, cors, logger, metrics, now } = parts

  async function route(request: IncomingMessage, response: ServerResponse): Promise<GatewayRoute> {
    const path = pathOf(request)
    if (path === '/sql/health') return answerHealth(response, await health())
    if (path === '/v2') throw new GatewayError(426, 'this path speaks WebSocket')
    if (request.method === 'OPTIONS') return answerPreflight(response, cors)
    if (request.method !== 'POST') throw new GatewayError(405, 'use POST')
    return answerSql(request, response, parts)
  }

  return async function answer(request, response) {
    const startedAt = now()
    let came: GatewayRoute = 'refused'
    try {
      came = await route(request, response)
    } catch (error) {
      sendFailure(response, error, cors, logger)
    }
    // 499, nginx's number for a client that did not wait for its answer.
    const status = response.writableEnded ? response.statusCode : 499
    metrics.answered(came, status, (now() - startedAt) / 1000)
  }
}

export function pathOf(request: IncomingMessage): string {
  return request.url!.split('?', 1)[0]!
}

function answerHealth(response: ServerResponse, health: GatewayHealth): GatewayRoute {
  sendJson(response, health.status === 'ok' ? 200 : 503, health, { 'cache-control': 'no-store' })
  return 'health'
}

function answerPreflight(response: ServerResponse, cors: Record<string, string>): GatewayRoute {
  response.writeHead(204, {
    ...cors,
    'access-control-allow-methods': 'POST',
    'access-control-allow-headers': ALLOWED_HEADERS,
    'access-control-max-age': '86400',
  })
  response.end()
  return 'preflight'
}

async function answerSql(
  request: IncomingMessage,
  response: ServerResponse,
  { databases, isAccepted, cors, limits }: HandlerParts,
): Promise<GatewayRoute> {
  const login = parseConnectionString(header(request, 'neon-connection-string'))
  if (!isAccepted(login)) {
    request.resume()
    sendJson(response, 400, wrongPassword(login.user), cors)
    return 'refused'
  }
  const body = await readBody(request, limits.bodyBytes)
  const sql = parseSqlRequest(request.headers, body, limits.batchQueries)
  const results = await databases
    .of(login.database)
    .run(sql, urgencyOf(request.headers.priority), abortSignal(response))
  sendJsonText(response, 200, formatAnswer(sql, results), cors)
  return sql.begin === undefined ? 'query' : 'batch'
}

function sendFailure(
  response: ServerResponse,
  error: unknown,
  cors: Record<string, string>,
  logger: GatewayLogger,
): void {
  if (error instanceof BodyAbortedError) return
  const known =
    error instanceof BodyTooLargeError
      ? { status: 413, body: { message: `request is too large (max is ${error.limitBytes} bytes)` } }
      : errorAnswer(error)
  if (known === undefined) logger.error({ err: error }, 'request failed')
  const { status, body, retryAfterSeconds } = known ?? { status: 500, body: { message: 'internal error' } }
  const headers: Record<string, string> = { ...cors }
  if (retryAfterSeconds !== undefined) headers['retry-after'] = String(retryAfterSeconds)
  sendJson(response, status, body, headers)
}

function header(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return typeof value === 'string' ? value : undefined
}

/** Aborts when the client closes the connection before it has been answered. */
function abortSignal(response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  if (response.destroyed) controller.abort()
  response.once('close', () => {
    if (!response.writableEnded) controller.abort()
  })
  return controller.signal
}
