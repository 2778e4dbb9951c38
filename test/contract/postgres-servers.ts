/** Servers of Postgres for suites about what goes on between two of them: shards that move, a standby that follows. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { postgresUrl } from '../../ops/cluster/environment.ts'
import { bringDown, bringUp } from '../../ops/cluster/lifecycle.ts'
import { type Server, serversOf } from '../../ops/cluster/profiles.ts'
import { clusterSecrets } from '../../ops/cluster/secrets.ts'
import type { Cluster } from '../../ops/cluster/state.ts'
import { nativeWay } from '../../ops/native/index.ts'
import { freePorts } from '../../origin/embedded/free-port.ts'
import { createDatabaseAt } from './engines.ts'

export interface TwoDatabases {
  urls: string[]
  /** For the report: what they are. */
  described: string
  close(): Promise<void>
}

/**
 * Empty databases on two servers of their own where POSTGRES_TEST_DOWNLOADS says that the software lies; else on those that
 * POSTGRES_TEST_URLS names, which may be one. Null where there is neither.
 */
export async function startTwoDatabases(env: NodeJS.ProcessEnv = process.env): Promise<TwoDatabases | null> {
  if (env.POSTGRES_TEST_DOWNLOADS) return startTwoServers(env.POSTGRES_TEST_DOWNLOADS)
  const servers = env.POSTGRES_TEST_URLS?.split(',').filter(Boolean) ?? []
  const [first, second = first] = servers
  if (first === undefined || second === undefined) return null
  const databases = [await createDatabaseAt(first), await createDatabaseAt(second)]
  return {
    urls: databases.map(({ url }) => url),
    described: first === second ? 'two databases of one server' : 'two servers',
    close: async () => {
      for (const database of databases) await database.close()
    },
  }
}

async function startTwoServers(downloads: string): Promise<TwoDatabases> {
  const { urls, close } = await startServers(downloads, ({ follows }) => follows === undefined)
  return { urls, described: 'two servers of its own', close }
}

export interface ServerPair {
  primary: string
  standby: string
  close(): Promise<void>
}

/**
 * How to come to a primary and its standby: those of the cluster that E2E_ENGINES names, else two of their own, as the profile
 * `cluster` has them, where POSTGRES_TEST_DOWNLOADS says that the software lies. Null where there is neither.
 */
export function pairOfServers(env: NodeJS.ProcessEnv = process.env): (() => Promise<ServerPair>) | null {
  const { E2E_ENGINES: file, POSTGRES_TEST_DOWNLOADS: downloads } = env
  const servers = file ? (JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>) : {}
  const [primary] = (servers.DATABASE_URLS ?? '').split(',')
  const [standby] = (servers.DATABASE_REPLICA_URLS ?? '').split(',')
  if (primary && standby) return async () => ({ primary, standby, close: async () => {} })
  return downloads ? () => startPair(downloads) : null
}

async function startPair(downloads: string): Promise<ServerPair> {
  const { urls, close } = await startServers(downloads, ({ name, follows }) => [name, follows].includes('postgres-1'))
  const [primary = '', standby = ''] = urls
  return { primary, standby, close }
}

/** Some of the profile `cluster`, in a folder and on ports of their own. */
async function startServers(downloads: string, isWanted: (server: Server) => boolean) {
  const folder = mkdtempSync(join(tmpdir(), 'postgres-'))
  const wanted = serversOf('cluster').filter((server) => server.kind === 'postgres' && isWanted(server))
  const ports = await freePorts(wanted.length)
  const servers = wanted.map((server, n) => ({ ...server, port: ports[n] ?? 0 }))
  const cluster: Cluster = { folder, downloads, profile: 'cluster', servers, secrets: clusterSecrets(folder) }
  const way = nativeWay(cluster)
  const close = async () => {
    await bringDown(way, servers, () => {})
    await way.wipe(servers)
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await bringUp(cluster, way, servers, () => {})
  } catch (error) {
    await close()
    throw error
  }
  return { urls: servers.map((server) => postgresUrl(server, cluster.secrets)), close }
}
