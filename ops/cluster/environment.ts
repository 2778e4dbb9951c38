/** What Tideline has to know to reach the servers, under the names of its settings (README, "Engines"). */
import type { Server } from './profiles.ts'
import type { ClusterSecrets } from './secrets.ts'
import { CASSANDRA_DATACENTER, POSTGRES_DATABASE, POSTGRES_USER, S3_BUCKET, S3_REGION } from './settings.ts'
import type { Kind } from './versions.ts'

const HOST = '127.0.0.1'

export function postgresUrl(server: Server, secrets: ClusterSecrets, database: string = POSTGRES_DATABASE): string {
  return `postgres://${POSTGRES_USER}:${secrets.POSTGRES_PASSWORD}@${HOST}:${server.port}/${database}`
}

/** Several addresses are a cluster's; a node of one that runs by itself says so by the scheme. */
function redisUrl(servers: readonly Server[]): string {
  const isNode = servers.length === 1 && servers[0]?.inner.bus !== undefined && servers[0].name !== 'valkey'
  return servers.map(({ port }) => `${isNode ? 'redis+cluster' : 'redis'}://${HOST}:${port}`).join(',')
}

/**
 * The settings for these servers. A port of Tideline none of whose servers is among them is left out, and so stays
 * embedded. Lists are comma separated; shards are in their order, replicas in that of their primaries, with an empty place
 * for one that has none.
 */
export function settingsFor(servers: readonly Server[], secrets: ClusterSecrets): Record<string, string> {
  const of = (...kinds: Kind[]) => servers.filter((server) => kinds.includes(server.kind))
  const addresses = (list: readonly Server[]) => list.map(({ port }) => `${HOST}:${port}`).join(',')
  const primaries = of('postgres').filter((server) => server.follows === undefined)
  const replicas = primaries.map(({ name }) => of('postgres').find(({ follows }) => follows === name))
  const [elasticsearch] = of('elasticsearch')
  const [store] = of('seaweedfs', 'minio')
  const settings: Record<string, string> = {
    DATABASE_URLS: primaries.map((server) => postgresUrl(server, secrets)).join(','),
    DATABASE_REPLICA_URLS: replicas.some((server) => server !== undefined)
      ? replicas.map((server) => (server === undefined ? '' : postgresUrl(server, secrets))).join(',')
      : '',
    REDIS_URL: redisUrl(of('valkey')),
    KAFKA_BROKERS: addresses(of('kafka')),
    CASSANDRA_CONTACT_POINTS: addresses(of('cassandra')),
    CASSANDRA_DATACENTER: of('cassandra').length === 0 ? '' : CASSANDRA_DATACENTER,
    ELASTICSEARCH_URL: elasticsearch === undefined ? '' : `http://${HOST}:${elasticsearch.port}`,
    ...(store === undefined
      ? {}
      : {
          S3_ENDPOINT: `http://${HOST}:${store.port}`,
          S3_BUCKET,
          S3_REGION,
          S3_ACCESS_KEY_ID: secrets.S3_ACCESS_KEY_ID,
          S3_SECRET_ACCESS_KEY: secrets.S3_SECRET_ACCESS_KEY,
        }),
  }
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== ''))
}
