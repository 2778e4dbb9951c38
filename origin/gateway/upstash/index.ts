import type { IncomingMessage, ServerResponse } from 'node:http'
import { silentLogger } from '../logger.ts'
import { accessCheck } from './access.ts'
import { createExecutor } from './execute.ts'
import { createHandler, type GatewayHealth } from './handler.ts'
import { noMetrics } from './metrics.ts'
import { openRedis } from './redis.ts'
import { DEFAULT_LIMITS, type UpstashGatewayOptions } from './settings.ts'
import { createStreams } from './streams.ts'

export type { GatewayHealth } from './handler.ts'
export { type GatewayMetrics, promMetrics } from './metrics.ts'
export * from './settings.ts'

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
  const redis = openRedis({ settings: options.redis, limits, logger, now, random })
  const executor = createExecutor(redis, limits)
  const streams = createStreams(redis, limits)
  const accessOf = accessCheck(options.tokens)
  metrics.levels({ inFlight: () => redis.inFlight, streams: () => streams.open, connected: () => redis.ready })

  function health(): GatewayHealth {
    return {
      status: redis.answers ? 'ok' : 'unavailable',
      redis: redis.answers ? 'connected' : redis.ready ? 'silent' : 'away',
      inFlightCommands: redis.inFlight,
      streams: streams.open,
    }
  }

  const answer = createHandler({ executor, streams, accessOf, health, prefix, limits, logger, metrics, now })

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
