/**
 * Puts a standby in the place of its primary: under the primary's name, on its port and with the standby's data, so that no
 * setting changes. The standby is then made anew, as a copy of what it has become.
 */
import pg from 'pg'
import { postgresUrl } from './environment.ts'
import { bringDown, bringUp } from './lifecycle.ts'
import type { Server } from './profiles.ts'
import type { Cluster } from './state.ts'
import type { Tell, Way } from './way.ts'

/** The most that a standby may take to apply what it has received. */
const PROMOTED_WITHIN_S = 60

/**
 * A primary that still runs is stopped first, and in doing so hands over all that it has; one that has died has handed over
 * everything that it acknowledged, where its standby is a synchronous one.
 * @param server the primary, dead or alive
 * @throws Error when it has no standby, when this does not run as one, or under Docker Compose: then nothing has been changed
 */
export async function promote(cluster: Cluster, way: Way, server: Server, tell: Tell): Promise<void> {
  const standby = cluster.servers.find(({ follows }) => follows === server.name)
  if (standby === undefined) throw new Error(`${server.name} has no standby in this profile.`)
  if (way.moveData === undefined) {
    throw new Error(
      'Under Docker Compose a standby keeps its own port: docs/runbooks/postgres-promote.md says what to do.',
    )
  }
  if (!(await isStandby(cluster, standby))) throw new Error(`${standby.name} does not run as a standby.`)
  await bringDown(way, [server], tell)
  tell(standby, `takes the place of ${server.name}`)
  await withPostgres(cluster, standby, (client) => client.query('SELECT pg_promote(true, $1)', [PROMOTED_WITHIN_S]))
  if (await isStandby(cluster, standby)) throw new Error(`${standby.name} was not promoted; its log says why.`)
  await bringDown(way, [standby], tell)
  await way.moveData(standby, server)
  // Alone, it waits for nobody: settling says so to it. With its standby it waits again.
  await bringUp(cluster, way, [server], tell)
  await bringUp(cluster, way, [standby], tell)
}

const isStandby = (cluster: Cluster, server: Server): Promise<boolean> =>
  withPostgres(cluster, server, async (client) => {
    const { rows } = await client.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby')
    return rows[0]?.standby === true
  })

async function withPostgres<T>(cluster: Cluster, server: Server, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: postgresUrl(server, cluster.secrets, 'postgres'),
    connectionTimeoutMillis: 5_000,
  })
  client.on('error', () => {})
  await client.connect().catch((error: unknown) => {
    throw new Error(`${server.name} does not answer: ${error instanceof Error ? error.message : String(error)}`)
  })
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}
