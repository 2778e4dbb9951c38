/**
 * Asks a running server, over the protocol that Tideline speaks with it, whether it serves and which version it is. A probe
 * throws when it does not serve yet.
 */
import { Admin } from '@platformatic/kafka'
import { Client as CassandraClient } from 'cassandra-driver'
import { Redis } from 'ioredis'
import pg from 'pg'
import { z } from 'zod'
import { postgresUrl } from './environment.ts'
import type { Server } from './profiles.ts'
import { s3Client } from './s3-client.ts'
import type { ClusterSecrets } from './secrets.ts'
import { CASSANDRA_DATACENTER } from './settings.ts'
import type { Kind } from './versions.ts'

const HOST = '127.0.0.1'
const PATIENCE_MS = 3_000

const minioInfo = z.looseObject({ servers: z.array(z.looseObject({ version: z.string() })) })

export interface Health {
  version: string
  /** More than that it serves: its part in a cluster. */
  role: string
}

export interface ProbeContext {
  secrets: ClusterSecrets
  /** What the server wrote since it was started. */
  firstOutput(server: Server): Promise<string>
}

type Probe = (server: Server, context: ProbeContext) => Promise<Health>

const PROBES: Readonly<Record<Kind, Probe>> = {
  kafka: probeKafka,
  cassandra: probeCassandra,
  elasticsearch: probeElasticsearch,
  valkey: probeValkey,
  postgres: probePostgres,
  seaweedfs: probeSeaweed,
  minio: probeMinio,
}

/** @throws when the server does not answer, or answers that it is not ready */
export function probe(server: Server, context: ProbeContext): Promise<Health> {
  return PROBES[server.kind](server, context)
}

/** Kafka's protocol tells versions of its calls, not the server's: that is in its first lines. */
async function probeKafka(server: Server, { firstOutput }: ProbeContext): Promise<Health> {
  const admin = new Admin({
    clientId: 'tideline-cluster',
    bootstrapBrokers: [`${HOST}:${server.port}`],
    connectTimeout: PATIENCE_MS,
    requestTimeout: PATIENCE_MS,
    retries: 0,
  })
  try {
    const brokers = [...(await admin.metadata({ topics: [] })).brokers.values()]
    if (!brokers.some((broker) => broker.port === server.port)) throw new Error('it has not joined its cluster yet')
    const version = /Kafka version: (\S+)/.exec(await firstOutput(server))?.[1] ?? 'unknown'
    return { version, role: brokers.length === 1 ? 'broker' : `one of ${brokers.length} brokers` }
  } finally {
    await admin.close()
  }
}

async function probeCassandra(server: Server): Promise<Health> {
  const client = new CassandraClient({
    contactPoints: [`${HOST}:${server.port}`],
    localDataCenter: CASSANDRA_DATACENTER,
    socketOptions: { connectTimeout: PATIENCE_MS, readTimeout: PATIENCE_MS },
  })
  try {
    const { rows } = await client.execute('SELECT release_version FROM system.local')
    return { version: String(rows[0]?.get('release_version')), role: 'node' }
  } finally {
    await client.shutdown()
  }
}

async function probeElasticsearch(server: Server): Promise<Health> {
  const root = `http://${HOST}:${server.port}`
  const { version } = (await getJson(root)) as { version: { number: string } }
  const { status } = (await getJson(`${root}/_cluster/health?wait_for_status=yellow&timeout=1s`)) as { status: string }
  if (status === 'red') throw new Error('some of its shards are not there yet')
  return { version: version.number, role: `node, ${status}` }
}

/** What INFO calls them, and what we do. */
const VALKEY_ROLES: Readonly<Record<string, string>> = { master: 'master', slave: 'replica' }

async function probeValkey(server: Server): Promise<Health> {
  const client = new Redis({
    host: HOST,
    port: server.port,
    lazyConnect: true,
    connectTimeout: PATIENCE_MS,
    commandTimeout: PATIENCE_MS,
    retryStrategy: () => null,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const info = await client.info()
    const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''
    if (field('loading') === '1') throw new Error('it is still reading its data')
    return {
      version: field('valkey_version'),
      role: field('cluster_enabled') === '1' ? (VALKEY_ROLES[field('role')] ?? '') : 'alone',
    }
  } finally {
    client.disconnect()
  }
}

async function probePostgres(server: Server, { secrets }: ProbeContext): Promise<Health> {
  const client = new pg.Client({
    connectionString: postgresUrl(server, secrets, 'postgres'),
    connectionTimeoutMillis: PATIENCE_MS,
    query_timeout: PATIENCE_MS,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    const { rows } = await client.query<{ version: string; standby: boolean; followers: string | null }>(
      `SELECT current_setting('server_version') AS version, pg_is_in_recovery() AS standby,
              (SELECT string_agg(application_name || ' ' || sync_state, ', ') FROM pg_stat_replication) AS followers`,
    )
    const [row] = rows
    const role = row?.standby ? 'standby' : `primary${row?.followers ? `, followed by ${row.followers}` : ''}`
    return { version: row?.version.split(' ')[0] ?? 'unknown', role }
  } finally {
    await client.end()
  }
}

/** Who it is stands in every answer of its gateway, a refusal among them. */
async function probeSeaweed(server: Server): Promise<Health> {
  const answer = await get(`http://${HOST}:${server.port}/`)
  await answer.body?.cancel()
  if (answer.status >= 500) throw new Error(`it answered ${answer.status}`)
  const named = /SeaweedFS \S+ (\d[\d.]*)/.exec(answer.headers.get('server') ?? '')
  return { version: named?.[1] ?? 'unknown', role: 'master, volume, filer and S3' }
}

/** Its version is for administrators: asked with the key, over its own API. */
async function probeMinio(server: Server, { secrets }: ProbeContext): Promise<Health> {
  const root = `http://${HOST}:${server.port}/minio`
  const answer = await get(`${root}/health/ready`)
  if (!answer.ok) throw new Error(`/minio/health/ready answered ${answer.status}`)
  const signed = s3Client(secrets)
  const info = await signed.fetch(`${root}/admin/v3/info`, { signal: AbortSignal.timeout(PATIENCE_MS) })
  if (!info.ok) throw new Error(`its information was refused with ${info.status}`)
  const { servers } = minioInfo.parse(await info.json())
  return { version: servers[0]?.version ?? 'unknown', role: 'S3' }
}

const get = (url: string) => fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) })

async function getJson(url: string): Promise<unknown> {
  const answer = await get(url)
  if (!answer.ok) throw new Error(`${url} answered ${answer.status}`)
  return answer.json()
}
