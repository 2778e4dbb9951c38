import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { BodyAbortedError, BodyTooLargeError, bearerMatcher, readBody, sendJson } from '../http.ts'
import { silentLogger } from '../logger.ts'
import type { Answer } from './answer.ts'
import { connectRedis } from './connection.ts'
import { GatewayError } from './errors.ts'
import { createExecutor } from './execute.ts'
import { type GatewayRoute, noMetrics } from './metrics.ts'
import type { Access } from './policy.ts'
import { decodeSegment, parseCommand, parsePath, parsePipeline } from './request.ts'
import { DEFAULT_LIMITS, type UpstashGatewayOptions } from './settings.ts'
import { createStreams } from './streams.ts'

export { type GatewayMetrics, promMetrics } from './metrics.ts'
export * from './settings.ts'

/** How the gateway is doing. */
export interface GatewayHealth {
  status: 'ok' | 'unavailable'
  redis: 'connected' | 'away'
  inFlightCommands: number
  streams: number
}

export interface UpstashGateway {
  /** Answers a request. False: the path is not the gateway's, and the request was not touched. */
  handle(request: IncomingMessage, response: ServerResponse): boolean
  /** Whether a path (with or without a query) is the gateway's. With an empty prefix, every path is. */
  handlesPath(path: string): boolean
  health(): GatewayHealth
  /** Ends all streams, and lets requests go on: the first step of a clean shutdown, since streams never end by themselves. */
  endStreams(): void
  /** Ends all streams, closes the connection to Redis and rejects what is under way. */
  close(): Promise<void>
}

/**
 * A gateway that speaks Upstash's REST API in front of any Redis or Valkey, for one `node:http` server.
 *
 * The path form (`/set/key/value`) owns every path below the prefix: where other handlers share the server, ask them
 * first, or set a prefix.
 *
 * @example
 * const gateway = createUpstashGateway({
 *   redis: { url: 'redis://127.0.0.1:6379' },
 *   tokens: { readWrite: [token], readOnly: [] },
 * })
 * createServer((request, response) => gateway.handle(request, response)).listen(8079)
 */
export function createUpstashGateway(options: UpstashGatewayOptions): UpstashGateway {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const { logger = silentLogger, metrics = noMetrics } = options
  const { now = () => performance.now(), random = Math.random } = options
  const prefix = (options.pathPrefix ?? '').replace(/\/+$/, '')
  const redis = connectRedis({ settings: options.redis, limits, logger, now, random })
  const executor = createExecutor(redis, limits)
  const streams = createStreams(redis, limits)
  const mayWrite = bearerMatcher(options.tokens.readWrite)
  const mayRead = bearerMatcher(options.tokens.readOnly)
  metrics.levels({ inFlight: () => redis.inFlight, streams: () => streams.open, connected: () => redis.ready })

  function accessOf(request: IncomingMessage, query: string): Access | undefined {
    const token =
      request.headers.authorization ??
      (query === '' ? undefined : (new URLSearchParams(query).get('_token') ?? undefined))
    // Both lists are always compared: which one a guess came near must not show in the time it takes.
    const read = mayRead(token)
    return mayWrite(token) ? 'readWrite' : read ? 'readOnly' : undefined
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const startedAt = now()
    const target = targetOf(request.url!.slice(prefix.length))
    try {
      if (target.route === 'health') sendHealth(response)
      else await answerCommands(request, response, target)
    } catch (error) {
      sendFailure(response, error)
    }
    metrics.answered(target.route, response.statusCode, (now() - startedAt) / 1000)
  }

  async function answerCommands(request: IncomingMessage, response: ServerResponse, target: Target): Promise<void> {
    const { method } = request
    if (method !== 'POST' && method !== 'GET' && method !== 'PUT' && method !== 'HEAD')
      throw new GatewayError(405, `ERR method ${method} is not allowed: use GET, HEAD, POST or PUT`)
    const access = accessOf(request, target.query)
    if (access === undefined) throw new GatewayError(401, 'WRONGPASS invalid or missing auth token')
    const body = await readBody(request, limits.bodyBytes)
    const base64 = request.headers['upstash-encoding'] === 'base64'
    if (target.route === 'stream') {
      const command = target.path.split('/').slice(1).map(decodeSegment)
      command[0] = command[0]!.toUpperCase()
      await streams.serve(command, access, response, { 'upstash-sync-token': randomUUID() })
      return
    }
    const result = await run(target, access, body, base64)
    metrics.commands(result.commands, result.failed)
    sendAnswer(response, result)
  }

  function run({ route, path, query }: Target, access: Access, body: Buffer, base64: boolean): Promise<Answer> {
    if (route === 'pipeline') return executor.pipeline(parsePipeline(body, limits.pipelineCommands), access, base64)
    if (route === 'multi-exec')
      return executor.transaction(parsePipeline(body, limits.pipelineCommands), access, base64)
    if (route === 'command') return executor.one(parseCommand(body), access, base64)
    return executor.one(parsePath(path, query, body), access, base64)
  }

  function sendFailure(response: ServerResponse, error: unknown): void {
    const headers: Record<string, string> = { 'upstash-sync-token': randomUUID() }
    if (error instanceof GatewayError) {
      if (error.retryAfterSeconds !== undefined) headers['retry-after'] = String(error.retryAfterSeconds)
      sendJson(response, error.status, { error: error.message }, headers)
    } else if (error instanceof BodyTooLargeError)
      sendJson(response, 413, { error: `ERR max request size exceeded: at most ${error.limitBytes} bytes` }, headers)
    else if (!(error instanceof BodyAbortedError)) {
      logger.error({ err: error }, 'request failed')
      sendJson(response, 500, { error: 'ERR internal error' }, headers)
    }
  }

  function health(): GatewayHealth {
    return {
      status: redis.ready ? 'ok' : 'unavailable',
      redis: redis.ready ? 'connected' : 'away',
      inFlightCommands: redis.inFlight,
      streams: streams.open,
    }
  }

  function sendHealth(response: ServerResponse): void {
    sendJson(response, redis.ready ? 200 : 503, health(), { 'cache-control': 'no-store' })
  }

  function handlesPath(path: string): boolean {
    if (!path.startsWith(prefix)) return false
    const after = path[prefix.length]
    return after === '/' || after === '?' || after === undefined
  }

  return {
    handle(request, response) {
      if (!handlesPath(request.url!)) return false
      answer(request, response).catch((error: unknown) => logger.error({ err: error }, 'answer failed'))
      return true
    },
    handlesPath,
    health,
    endStreams: () => streams.closeAll(),
    async close() {
      streams.closeAll()
      await redis.close()
    },
  }
}

interface Target {
  route: GatewayRoute
  path: string
  query: string
}

const ROUTES: Readonly<Record<string, GatewayRoute>> = {
  '': 'command',
  '/': 'command',
  '/pipeline': 'pipeline',
  '/multi-exec': 'multi-exec',
  '/health': 'health',
}

function targetOf(url: string): Target {
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const query = mark < 0 ? '' : url.slice(mark + 1)
  const route = ROUTES[path] ?? (/^\/(?:p?subscribe\/|monitor$)/i.test(path) ? 'stream' : 'path')
  return { route, path, query }
}

function sendAnswer(response: ServerResponse, { status, body }: Answer): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.length,
    'upstash-sync-token': randomUUID(),
  })
  response.end(body)
}
