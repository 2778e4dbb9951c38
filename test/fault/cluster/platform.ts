/**
 * Tideline on the servers of a running cluster, each of which can be killed and started again: the gateways in one process,
 * the origin's roles in another, the three Workers in workerd.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { parseShardDatabases } from '#core/shard-map.ts'
import { dockerWay, hasDocker } from '../../../ops/cluster/docker.ts'
import { settingsFor } from '../../../ops/cluster/environment.ts'
import { bringDown, bringUp } from '../../../ops/cluster/lifecycle.ts'
import { chosen, PROFILES } from '../../../ops/cluster/profiles.ts'
import { openCluster, placeFrom } from '../../../ops/cluster/state.ts'
import type { Kind } from '../../../ops/cluster/versions.ts'
import { nativeWay } from '../../../ops/native/index.ts'
import { makePeople, type Person } from '../../e2e/person.ts'
import { ownPlaces } from '../../setup/cluster-engines.ts'
import { type Edge, startEdge } from '../edge.ts'
import { freePorts, type OriginProcess, startOriginProcess } from '../origin-process.ts'

const ROLES = 'ingest,accounts,graph,fanout,engagement,search,media,recommend,notify'

/** Something that dies at once and is started again. */
export interface Victim {
  kill(): Promise<void>
  /** Resolves once it serves. */
  restart(): Promise<void>
}

export interface Platform {
  readonly edge: Edge
  /** The only one of its kind, or the first: a broker, a master, a primary. */
  server(kind: Kind): Victim
  /** Every role but the gateway. */
  readonly roles: Victim
  readonly gateway: Victim
  people(prefix: string, count: number): Promise<Person[]>
  /** Rows of each database, past Tideline, one after the other. */
  sql<T>(text: string, ...values: unknown[]): Promise<T[]>
  close(): Promise<void>
}

/** @param env names the cluster (CLUSTER_DIR and so on) and its profile (FAULT_PROFILE) */
export async function startPlatform(env: NodeJS.ProcessEnv): Promise<Platform> {
  const profile = PROFILES.find((each) => each === (env.FAULT_PROFILE ?? 'small')) ?? 'small'
  const cluster = openCluster(placeFrom(env), profile, 'seaweedfs')
  const way = hasDocker() ? dockerWay(cluster) : nativeWay(cluster)
  const place = await ownPlaces(settingsFor(cluster.servers, cluster.secrets))
  const stateDir = mkdtempSync(join(tmpdir(), 'tideline-fault-'))
  const shared = { STATE_DIR: stateDir, LOG_LEVEL: env.ORIGIN_LOG_LEVEL ?? 'fatal', ...place.env }
  const [rolePorts, gatewayPorts] = [await freePorts(), await freePorts()]
  const roles = revivable(() => startOriginProcess({ ...rolePorts, ...shared, ROLES }))
  const gateway = revivable(() => startOriginProcess({ ...gatewayPorts, ...shared, ROLES: 'gateway' }))
  const { DATABASE_URLS = '' } = shared as { DATABASE_URLS?: string }
  const pools = parseShardDatabases(DATABASE_URLS).map(({ url }) => new pg.Pool({ connectionString: url, max: 2 }))
  // A server that is killed ends idle connections, too.
  for (const pool of pools) pool.on('error', () => {})
  let edge: Edge | null = null
  const close = async () => {
    await edge?.close()
    await Promise.all([roles.stop(), gateway.stop()])
    for (const pool of pools) await pool.end()
    await place.remove()
    rmSync(stateDir, { recursive: true, force: true })
  }
  try {
    // One after the other: both would migrate.
    await roles.restart()
    await gateway.restart()
    edge = await startEdge({ ...rolePorts, GATEWAY_PORT: gatewayPorts.GATEWAY_PORT, ...shared })
    const address = { url: edge.originUrl, serviceToken: edge.config.secrets.SERVICE_TOKEN }
    const { fetch } = edge
    return {
      edge,
      server: (kind) => {
        const first = chosen(cluster.servers, [kind]).slice(0, 1)
        return {
          kill: () => bringDown(way, first, () => {}, 'SIGKILL'),
          restart: () => bringUp(cluster, way, first, () => {}),
        }
      },
      roles,
      gateway,
      people: (prefix, count) => makePeople(address, fetch, prefix, count),
      sql: async <T>(text: string, ...values: unknown[]) =>
        (await Promise.all(pools.map((pool) => pool.query(text, values)))).flatMap(({ rows }) => rows as T[]),
      close,
    }
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
}

function revivable(start: () => Promise<OriginProcess>): Victim & { stop(): Promise<void> } {
  let running: OriginProcess | null = null
  return {
    async kill() {
      await running?.kill()
      running = null
    },
    async restart() {
      running = await start()
    },
    async stop() {
      await running?.stop()
    },
  }
}
