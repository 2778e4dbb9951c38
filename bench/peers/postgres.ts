/** A Postgres of a peer's own: the server that `npm run cluster` runs natively, with the settings it has there. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { postgresUrl } from '../../ops/cluster/environment.ts'
import type { Server } from '../../ops/cluster/profiles.ts'
import { clusterSecrets } from '../../ops/cluster/secrets.ts'
import { type Cluster, homeOf, placeFrom } from '../../ops/cluster/state.ts'
import { ENGINES, nativeWay } from '../../ops/native/index.ts'
import { freePort, type Running, startProcess } from '../processes.ts'

export interface PeersPostgres extends Running {
  url: string
}

/** Fetches it where `CLUSTER_DOWNLOADS` has none yet. Its data goes when it is stopped. */
export async function startPostgres(folder: string, say: (text: string) => void): Promise<PeersPostgres> {
  const server: Server = { name: 'postgres', kind: 'postgres', port: await freePort(), inner: {}, memoryMb: 768 }
  const { downloads } = placeFrom(process.env)
  const cluster: Cluster = { folder, downloads, profile: 'small', servers: [server], secrets: clusterSecrets(folder) }
  const way = nativeWay(cluster)
  await way.install([server], (_, text) => say(`Postgres: ${text}`))
  const home = homeOf(cluster, server)
  mkdirSync(home, { recursive: true })
  const software = join(downloads, ENGINES.postgres.folder)
  const { command, args, cwd, user } = await ENGINES.postgres.launch({ server, cluster, software, home })
  // Its everyday news would stand among the bench's.
  const quiet = ['-c', 'log_min_messages=fatal']
  const postmaster = startProcess(command, [...args, ...quiet], {}, { ...(cwd && { cwd }), ...user })
  const stop = async () => {
    await postmaster.stop()
    await way.wipe([server])
  }
  const url = postgresUrl(server, cluster.secrets, 'postgres')
  try {
    await untilConnects(url)
  } catch (error) {
    await stop()
    throw error
  }
  return { pid: postmaster.pid, url, stop }
}

async function untilConnects(url: string, patienceMs = 20_000): Promise<void> {
  const until = Date.now() + patienceMs
  for (;;) {
    const client = new pg.Client({ connectionString: url })
    try {
      await client.connect()
      return
    } catch (error) {
      if (Date.now() > until) throw new Error('Postgres did not start', { cause: error })
      await delay(50)
    } finally {
      await client.end().catch(() => {})
    }
  }
}
