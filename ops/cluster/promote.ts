/**
 * Puts a standby in the place of its primary: under the primary's name, on its port and with the standby's data, so that no
 * setting changes. The standby is then made anew, as a copy of what it has become.
 */
import pg from 'pg'
import { aloneSince } from './alone.ts'
import { postgresUrl } from './environment.ts'
import { bringDown, bringUp } from './lifecycle.ts'
import type { Server } from './profiles.ts'
import { standbyName } from './settings.ts'
import type { Cluster } from './state.ts'
import type { Tell, Way } from './way.ts'

/** The most that a standby may take to apply what it has received. */
const PROMOTED_WITHIN_S = 60

/**
 * A primary that still runs is stopped first, and in doing so hands over all that it has; one that has died has handed over
 * everything that it acknowledged, unless it went on alone while its standby was away.
 * @param server the primary, dead or alive
 * @param lossy goes on where the standby may lack what the primary acknowledged alone
 * @throws Error when it has no standby, when this does not run as one, when it may lack something, or under Docker Compose:
 *   then nothing has been changed
 */
export async function promote(
  cluster: Cluster,
  way: Way,
  server: Server,
  tell: Tell,
  { lossy = false }: { lossy?: boolean } = {},
): Promise<void> {
  const standby = cluster.servers.find(({ follows }) => follows === server.name)
  if (standby === undefined) throw new Error(`${server.name} has no standby in this profile.`)
  if (way.moveData === undefined) {
    throw new Error(
      'Under Docker Compose a standby keeps its own port: docs/runbooks/postgres-promote.md says what to do.',
    )
  }
  const alone = aloneSince(cluster, server)
  if (alone !== null && !lossy && !(await isFollowed(cluster, server, standby))) {
    throw new Error(
      `${server.name} has acknowledged writes alone since ${new Date(alone).toISOString()}: ${standby.name} may lack them. ` +
        'Start the primary once more if that can be done (up), or promote with --lossy and lose them.',
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

/** The primary lives and its standby has caught up: stopped in order, it hands over the rest. */
const isFollowed = (cluster: Cluster, primary: Server, standby: Server): Promise<boolean> =>
  withPostgres(cluster, primary, async (client) => {
    const { rowCount } = await client.query(
      `SELECT FROM pg_stat_replication WHERE state = 'streaming' AND application_name = $1`,
      [standbyName(standby)],
    )
    return (rowCount ?? 0) > 0
  }).catch(() => false)

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
