import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { silentLogger } from '../logger.ts'
import { credentialCheck } from './credentials.ts'
import { connectDatabases } from './databases.ts'
import { createHandler, pathOf } from './handler.ts'
import { type GatewayHealth, healthCheck } from './health.ts'
import { noMetrics } from './metrics.ts'
import { DEFAULT_LIMITS, type NeonGatewayOptions } from './settings.ts'
import { createTunnels } from './tunnels.ts'

export type { GatewayHealth } from './health.ts'
export { type GatewayMetrics, promMetrics } from './metrics.ts'
export * from './settings.ts'

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
  const { credentials, logger = silentLogger, metrics = noMetrics, now = () => performance.now() } = options
  const databases = connectDatabases(options, limits, logger)
  const isAccepted = credentialCheck(credentials, databases)
  const tunnels = createTunnels({ databases, credentials, isAccepted, limits, logger, metrics })
  const health = healthCheck(databases, tunnels, now)
  const cors: Record<string, string> =
    options.allowOrigin === undefined ? {} : { 'access-control-allow-origin': options.allowOrigin }
  const answer = createHandler({ databases, isAccepted, health, cors, limits, logger, metrics, now })
  metrics.levels({
    connections: () => databases.connections,
    queued: () => databases.queued,
    tunnels: () => tunnels.open,
  })

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
      await databases.close()
    },
  }
}

function handlesPath(path: string): boolean {
  return /^\/(?:sql|sql\/health|v2)(?:\?|$)/.test(path)
}
