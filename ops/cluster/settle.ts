/**
 * What running servers still need before Tideline can use them, done over their own protocols and the same for both ways. Each
 * step looks first and may be repeated.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { Redis } from 'ioredis'
import pg from 'pg'
import { aloneSince, forgetAlone, noteAlone } from './alone.ts'
import { postgresUrl } from './environment.ts'
import type { Server } from './profiles.ts'
import { s3Client } from './s3-client.ts'
import type { ClusterSecrets } from './secrets.ts'
import { POSTGRES_DATABASE, S3_BUCKET, standbyName } from './settings.ts'
import type { Cluster } from './state.ts'
import type { Kind } from './versions.ts'
import type { Tell } from './way.ts'

const HOST = '127.0.0.1'
const SLOTS = 16_384
const PATIENCE_MS = 60_000

/** Settles the servers of one kind that run. They are healthy. */
export async function settle(kind: Kind, cluster: Cluster, servers: readonly Server[], tell: Tell): Promise<void> {
  const { secrets } = cluster
  if (kind === 'valkey' && servers.length > 1) await formValkeyCluster(servers)
  if (kind === 'postgres') {
    for (const server of servers.filter((each) => each.follows === undefined)) {
      const standbys = servers.filter((each) => each.follows === server.name)
      await preparePostgres(cluster, server, standbys, tell)
    }
  }
  if (kind === 'seaweedfs' || kind === 'minio') for (const server of servers) await ensureBucket(server, secrets)
}

/** Slot ranges of equal size: [[0, 5460], [5461, 10922], [10923, 16383]] for three. */
export function slotRanges(masters: number): [first: number, last: number][] {
  const from = (index: number) => Math.floor((index * SLOTS) / masters)
  return Array.from({ length: masters }, (_, index) => [from(index), from(index + 1) - 1])
}

/** Half of the nodes become masters, each with one replica. A cluster that was formed before finds itself again. */
async function formValkeyCluster(servers: readonly Server[]): Promise<void> {
  const nodes = servers.map(({ port, inner }) => ({
    port,
    bus: inner.bus ?? 0,
    client: new Redis({ host: HOST, port }),
  }))
  for (const { client } of nodes) client.on('error', () => {})
  const [first, ...others] = nodes
  if (first === undefined) return
  try {
    if (!(await isWhole(first.client, nodes.length))) {
      const masters = nodes.slice(0, nodes.length / 2)
      const ranges = slotRanges(masters.length)
      for (const [index, { client }] of masters.entries()) {
        await onceOnly(client.cluster('SET-CONFIG-EPOCH', index + 1))
        await onceOnly(client.call('CLUSTER', 'ADDSLOTSRANGE', ...(ranges[index] ?? []).map(String)))
      }
      for (const { port, bus } of others) await first.client.call('CLUSTER', 'MEET', HOST, port, bus)
      await until('the nodes of Valkey know one another', async () => {
        const known = await Promise.all(nodes.map(({ client }) => clusterField(client, 'cluster_known_nodes')))
        return known.every((count) => count === String(nodes.length))
      })
      for (const [index, { client }] of nodes.slice(masters.length).entries()) {
        const master = masters[index]
        if (master === undefined) continue
        const id = await master.client.cluster('MYID')
        await until('a replica of Valkey accepts its master', () =>
          client.cluster('REPLICATE', id).then(
            () => true,
            () => false,
          ),
        )
      }
    }
    await until('every node of Valkey sees a whole cluster', async () => {
      const whole = await Promise.all(nodes.map(({ client }) => isSound(client, nodes.length)))
      return whole.every(Boolean)
    })
  } finally {
    for (const { client } of nodes) client.disconnect()
  }
}

async function clusterField(client: Redis, name: string): Promise<string | undefined> {
  return new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(String(await client.cluster('INFO')))?.[1]
}

async function isWhole(client: Redis, nodes: number): Promise<boolean> {
  const [slots, known] = [
    await clusterField(client, 'cluster_slots_assigned'),
    await clusterField(client, 'cluster_known_nodes'),
  ]
  return slots === String(SLOTS) && known === String(nodes)
}

/** All slots served, and a replica linked to its master. */
async function isSound(client: Redis, nodes: number): Promise<boolean> {
  if (!(await isWhole(client, nodes)) || (await clusterField(client, 'cluster_state')) !== 'ok') return false
  const replication = await client.info('replication')
  return !/^role:slave/m.test(replication) || /^master_link_status:up/m.test(replication)
}

/** An interrupted forming has done some of it: what is done already is refused, and that is well. */
async function onceOnly(reply: Promise<unknown>): Promise<void> {
  await reply.catch((error: Error) => {
    if (!/already busy|config epoch is already|only when the node does not know/i.test(error.message)) throw error
  })
}

/** The database with its extensions; then its writes wait for a standby, where it has one that runs. */
async function preparePostgres(
  cluster: Cluster,
  server: Server,
  standbys: readonly Server[],
  tell: Tell,
): Promise<void> {
  const { secrets } = cluster
  await withPostgres(postgresUrl(server, secrets, 'postgres'), async (client) => {
    const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [POSTGRES_DATABASE])
    if (rowCount === 0) await client.query(`CREATE DATABASE ${POSTGRES_DATABASE}`)
    if (standbys.length > 0) {
      await waitForStandbys(client, server, standbys)
      forgetAlone(cluster, server)
    } else if (cluster.servers.some(({ follows }) => follows === server.name))
      await goOnAlone(cluster, client, server, tell)
    else await acknowledgeAfter(client, '')
  })
  await withPostgres(postgresUrl(server, secrets), async (client) => {
    await client.query('CREATE EXTENSION IF NOT EXISTS vector')
    await client.query('CREATE EXTENSION IF NOT EXISTS pg_trgm')
  })
}

/** From now on commits wait for one of them; resolves when one also has all that was committed before. */
async function waitForStandbys(client: pg.Client, server: Server, standbys: readonly Server[]): Promise<void> {
  // Any one of them is enough: with two, the death of one stops nothing.
  await acknowledgeAfter(client, `ANY 1 (${standbys.map(standbyName).join(', ')})`)
  const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn')
  await until(`${server.name} is followed`, async () => {
    const { rowCount } = await client.query(
      `SELECT FROM pg_stat_replication
        WHERE state = 'streaming' AND sync_state IN ('sync', 'quorum') AND flush_lsn >= $1::pg_lsn`,
      [rows[0]?.lsn],
    )
    return (rowCount ?? 0) > 0
  })
}

/** Its standby does not run: commits that waited for it would hang. What it acknowledges meanwhile, nobody else has. */
async function goOnAlone(cluster: Cluster, client: pg.Client, server: Server, tell: Tell): Promise<void> {
  noteAlone(cluster, server, Date.now())
  await acknowledgeAfter(client, '')
  const since = new Date(aloneSince(cluster, server) ?? Date.now()).toISOString()
  tell(server, `its standby does not run: it acknowledges alone (since ${since}), and what it does then dies with it`)
}

/** @param names synchronous_standby_names; empty: commits wait for nobody */
async function acknowledgeAfter(client: pg.Client, names: string): Promise<void> {
  const { rows } = await client.query<{ now: string }>(`SELECT current_setting('synchronous_standby_names') AS now`)
  if (rows[0]?.now === names) return
  await client.query(`ALTER SYSTEM SET synchronous_standby_names = '${names}'`)
  await client.query('SELECT pg_reload_conf()')
}

async function withPostgres(connectionString: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

/** The first requests to a new store may come before it has room for them. */
async function ensureBucket(server: Server, secrets: ClusterSecrets): Promise<void> {
  const signed = s3Client(secrets)
  const url = `http://${HOST}:${server.port}/${S3_BUCKET}`
  const succeeds = async (path: string, method: string, body?: string) => {
    const init = { method, signal: AbortSignal.timeout(5_000), ...(body === undefined ? {} : { body }) }
    return signed.fetch(`${url}${path}`, init).then(
      async (answer) => {
        await answer.body?.cancel()
        return answer.ok
      },
      () => false,
    )
  }
  await until('the bucket is there', async () => (await succeeds('', 'HEAD')) || (await succeeds('', 'PUT')))
  await until('the store keeps an object', () => succeeds('/.tideline-cluster', 'PUT', 'here'))
  await succeeds('/.tideline-cluster', 'DELETE')
}

/** @throws Error with the sentence when it has not come true within a minute */
async function until(sentence: string, isTrue: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + PATIENCE_MS
  while (!(await isTrue())) {
    if (performance.now() > end) throw new Error(`Not within ${PATIENCE_MS / 1_000} s: ${sentence}.`)
    await delay(100)
  }
}
