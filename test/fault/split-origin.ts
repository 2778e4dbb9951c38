/** An origin of two processes, the gateways and all else, over an embedded Postgres: each can be taken away by itself. */
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../../origin/embedded/postgres/index.ts'
import { makePeople, type Person } from '../e2e/person.ts'
import type { Edge } from './edge.ts'
import { originPorts, startOriginProcess } from './origin-process.ts'

const ROLES = 'ingest,accounts,graph,fanout,engagement,search,media,recommend,notify'

export type SplitOrigin = Awaited<ReturnType<typeof splitOrigin>>

/** Chooses the ports; nothing runs yet. `redisUrl`: left out, one at a port that was chosen. */
export async function splitOrigin(stateDir: string, redisUrl?: string) {
  const ports = { gateway: await originPorts(), roles: await originPorts() }
  const { POSTGRES_PORT, REDIS_PORT, S3_PORT } = ports.roles
  const shared = {
    STATE_DIR: stateDir,
    DATABASE_URLS: `postgres://postgres@127.0.0.1:${POSTGRES_PORT}/postgres`,
    REDIS_URL: redisUrl ?? `redis://127.0.0.1:${REDIS_PORT}`,
    LOG_LEVEL: 'fatal',
  }
  const objects = { S3_ENDPOINT: `http://127.0.0.1:${S3_PORT}` }
  return {
    redisPort: Number(REDIS_PORT),
    gatewayPort: Number(ports.gateway.GATEWAY_PORT),
    /** For the edge that stands before it; `gatewayPort` where something stands between. */
    edgeSettings: (gatewayPort: number) => ({ ...ports.roles, GATEWAY_PORT: String(gatewayPort), ...shared }),
    startPostgres: () => startEmbeddedPostgres({ dataDir: join(stateDir, 'postgres'), port: Number(POSTGRES_PORT) }),
    startRoles: () => startOriginProcess({ ...ports.roles, ...shared, ROLES }),
    startGateway: () => startOriginProcess({ ...ports.gateway, ...shared, ...objects, ROLES: 'gateway' }),
  }
}

/** Two people, the second of whom follows the first. */
export async function authorAndReader(edge: Edge): Promise<[author: Person, reader: Person]> {
  const origin = { url: edge.originUrl, serviceToken: edge.config.secrets.SERVICE_TOKEN }
  const [author, reader] = (await makePeople(origin, edge.fetch, 'person', 2)) as [Person, Person]
  await reader.follow(author)
  return [author, reader]
}
