import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { BodyAbortedError, BodyTooLargeError, readBody, sendJson, sendJsonText } from '../http.ts'
import { silentLogger } from '../logger.ts'
import { formatAnswer } from './answer.ts'
import { credentialCheck, parseConnectionString, wrongPassword } from './credentials.ts'
import { connectDatabase } from './database.ts'
import { errorAnswer, GatewayError } from './errors.ts'
import { type GatewayRoute, noMetrics } from './metrics.ts'
import { parseSqlRequest } from './request.ts'
import { DEFAULT_LIMITS, type NeonGatewayOptions } from './settings.ts'
import { createTunnels } from './tunnels.ts'

export { type GatewayMetrics, promMetrics } from './metrics.ts'
export * from './settings.ts'

/** How the gateway is doing. */
export interface GatewayHealth {
  status: 'ok' | 'unavailable'
  connections: number
  queuedRequests: number
  tunnels: number
}

export interface NeonGateway {
  /** Whether a path (with or without a query) is the gateway's: `/sql`, `/sql/health`, `/v2`. */
  handlesPath(path: string): boolean
  /** Answers a request. False: the path is not the gateway's, and the request was not touched. */
  handle(request: IncomingMessage, response: ServerResponse): boolean
  /** Takes over an upgrade to WebSocket. False: the path is not `/v2`, and the socket was not touched. */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): boolean
  health(): Promise<GatewayHealth>
  /** Ends the WebSockets, lets running requests finish and closes the connections to Postgres. */
  close(): Promise<void>
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
].join(', ')
/** The health endpoint asks nobody for a password: it may not become a way to keep the database busy. */
const HEALTH_TTL_MS = 1_000

/**
 * A gateway that speaks the protocols of Neon's serverless driver, SQL over HTTP and Postgres over WebSocket, in front of
 * any Postgres.
 *
 * @example
 * const gateway = createNeonGateway({
 *   target: { url: 'postgres://postgres@127.0.0.1:5432/postgres' },
 *   credentials: { user: 'app', password, database: 'app' },
 * })
 * const server = createServer((request, response) => gateway.handle(request, response))
 * server.on('upgrade', (request, socket, head) => gateway.handleUpgrade(request, socket, head))
 */
export function createNeonGateway(options: NeonGatewayOptions): NeonGateway {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const { target, credentials, logger = silentLogger, metrics = noMetrics, now = () => performance.now() } = options
  const database = connectDatabase(target, limits, logger)
  const tunnels = createTunnels({ target, credentials, limits, logger, metrics })
  const isAccepted = credentialCheck(credentials)
  const cors: Record<string, string> =
    options.allowOrigin === undefined ? {} : { 'access-control-allow-origin': options.allowOrigin }
  let lastHealth: { at: number; health: Promise<GatewayHealth> } | undefined
  metrics.levels({
    connections: () => database.connections,
    queued: () => database.queued,
    tunnels: () => tunnels.open,
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = now()
    let route: GatewayRoute = 'refused'
    try {
      if (pathOf(request) === '/sql/health') {
        route = 'health'
        const state = await health()
        sendJson(response, state.status === 'ok' ? 200 : 503, state, { 'cache-control': 'no-store' })
      } else if (pathOf(request) === '/v2') throw new GatewayError(426, 'this path speaks WebSocket')
      else if (request.method === 'OPTIONS') {
        route = 'preflight'
        sendPreflight(response)
      } else if (request.method !== 'POST') throw new GatewayError(405, 'use POST')
      else route = await answerSql(request, response)
    } catch (error) {
      sendFailure(response, error)
    }
    // 499, nginx's number for a client that did not wait for its answer.
    const status = response.writableEnded ? response.statusCode : 499
    metrics.answered(route, status, (now() - startedAt) / 1000)
  }

  async function answerSql(request: IncomingMessage, response: ServerResponse): Promise<GatewayRoute> {
    const login = parseConnectionString(header(request, 'neon-connection-string'))
    if (!isAccepted(login)) {
      request.resume()
      sendJson(response, 400, wrongPassword(login.user), cors)
      return 'refused'
    }
    const body = await readBody(request, limits.bodyBytes)
    const sql = parseSqlRequest(request.headers, body, limits.batchQueries)
    const results = await database.run(sql, abortSignal(response))
    sendJsonText(response, 200, formatAnswer(sql, results), cors)
    return sql.begin === undefined ? 'query' : 'batch'
  }

  function sendPreflight(response: ServerResponse): void {
    response.writeHead(204, {
      ...cors,
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': ALLOWED_HEADERS,
      'access-control-max-age': '86400',
    })
    response.end()
  }

  function sendFailure(response: ServerResponse, error: unknown): void {
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

  function health(): Promise<GatewayHealth> {
    if (lastHealth === undefined || now() - lastHealth.at > HEALTH_TTL_MS) {
      lastHealth = { at: now(), health: measureHealth() }
    }
    return lastHealth.health
  }

  async function measureHealth(): Promise<GatewayHealth> {
    const status = await database.ping().then(
      () => 'ok' as const,
      () => 'unavailable' as const,
    )
    return { status, connections: database.connections, queuedRequests: database.queued, tunnels: tunnels.open }
  }

  function handlesPath(path: string): boolean {
    return /^\/(?:sql|sql\/health|v2)(?:\?|$)/.test(path)
  }

  return {
    handlesPath,
    handle(request, response) {
      if (!handlesPath(request.url!)) return false
      answer(request, response).catch((error: unknown) => logger.error({ err: error }, 'answer failed'))
      return true
    },
    handleUpgrade(request, socket, head) {
      if (pathOf(request) !== '/v2') return false
      tunnels.accept(request, socket, head)
      return true
    },
    health,
    async close() {
      tunnels.close()
      await database.close()
    },
  }
}

function pathOf(request: IncomingMessage): string {
  return request.url!.split('?', 1)[0]!
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
