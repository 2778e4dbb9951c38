/** The gateways' server: Upstash REST and Neon on one port, so that the Workers use the vendors' SDKs unmodified. */

import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { EDGE_PATIENCE_MS } from '#core/patience.ts'
import type { Config } from './config.ts'
import { createNeonGateway } from './gateway/neon/index.ts'
import { createUpstashGateway } from './gateway/upstash/index.ts'
import type { Logger } from './observe/logger.ts'

/** The database's name and role, as the Workers' connection string says them; the gateway maps them to the target. */
export const EDGE_DATABASE = Object.freeze({ user: 'tideline', database: 'tideline' })

/** How the Workers' connection strings name the database at a place in DATABASE_URLS. */
export const edgeDatabaseName = (index: number): string =>
  index === 0 ? EDGE_DATABASE.database : `${EDGE_DATABASE.database}_${index}`

/** How they name its replica. */
export const edgeReplicaName = (index: number): string => `${edgeDatabaseName(index)}_replica`

/**
 * A short queue: what finds it full is refused at once, and what waits in it a quarter of the time that the edge gives a
 * statement; less than it gives a replica.
 */
export const POSTGRES_LIMITS = Object.freeze({
  queuedRequests: 256,
  queueTimeoutMs: EDGE_PATIENCE_MS.database / 4,
  connectTimeoutMs: EDGE_PATIENCE_MS.database,
})

/** A pipeline of a feed costs the gateway about a tenth of a millisecond: what is done in half the time that the edge waits. */
const PIPELINE_MS = 0.1
export const REDIS_LIMITS = Object.freeze({ requests: EDGE_PATIENCE_MS.redis / 2 / PIPELINE_MS })

export interface Gateways {
  port: number
  close(): Promise<void>
}

export async function serveGateways(
  config: Config,
  targets: { redisUrl: string; databaseUrls: readonly [string, ...string[]] },
  logger: Logger,
): Promise<Gateways> {
  const [first, ...further] = targets.databaseUrls
  const neon = createNeonGateway({
    target: { url: first },
    furtherTargets: Object.fromEntries(further.map((url, i) => [edgeDatabaseName(i + 1), { url }])),
    replicas: Object.fromEntries(
      config.replicaUrls.flatMap((url, i) => (url === null ? [] : [[edgeReplicaName(i), { url }]])),
    ),
    credentials: { ...EDGE_DATABASE, password: config.secrets.DATABASE_PASSWORD },
    limits: POSTGRES_LIMITS,
    logger: logger.child({ part: 'neon-gateway' }),
  })
  const upstash = createUpstashGateway({
    redis: { url: targets.redisUrl, ...(config.redisCa !== null && { tls: { ca: config.redisCa } }) },
    tokens: { readWrite: [config.secrets.REDIS_REST_TOKEN], readOnly: [] },
    limits: REDIS_LIMITS,
    logger: logger.child({ part: 'upstash-gateway' }),
  })
  // The Upstash path form owns every path, so Neon's come first.
  const server = createServer((request, response) => {
    if (neon.handlesPath(request.url ?? '')) void neon.handle(request, response)
    else upstash.handle(request, response)
  })
  server.keepAliveTimeout = 75_000
  server.on('upgrade', (request, socket, head) => neon.handleUpgrade(request, socket, head))
  server.listen(config.gatewayPort, config.host)
  await once(server, 'listening')
  return {
    port: portOf(server),
    async close() {
      upstash.endStreams()
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeIdleConnections()
      const cut = setTimeout(() => server.closeAllConnections(), 3_000)
      await closed
      clearTimeout(cut)
      await Promise.all([neon.close(), upstash.close()])
    },
  }
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port')
  return address.port
}
