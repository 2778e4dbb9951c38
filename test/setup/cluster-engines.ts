/**
 * Places of one's own on servers that others use as well: a database, a keyspace, a bucket, and names with a prefix where
 * servers know no more. Removed at the end.
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Client as ElasticsearchClient } from '@elastic/elasticsearch'
import { Admin } from '@platformatic/kafka'
import { AwsClient } from 'aws4fetch'
import { Client as CassandraClient } from 'cassandra-driver'
import pg from 'pg'
import { z } from 'zod'
import { s3Objects } from '../../origin/objects/index.ts'
import { createRedisPort } from '../../origin/redis/index.ts'

export type Settings = Readonly<Record<string, string>>

export interface OwnPlace {
  /** Settings of an origin that works there and nowhere else. */
  env: Record<string, string>
  remove(): Promise<void>
}

type Maker = (settings: Settings, name: string) => Promise<OwnPlace>

const MAKERS: readonly Maker[] = [ownDatabases, ownRedis, ownTopics, ownKeyspace, ownIndices, ownBucket]

/**
 * The engines of the running cluster whose settings E2E_ENGINES names (an environment.json), with places of their own;
 * null when it names none: then all are embedded.
 */
export async function clusterEngines(env: NodeJS.ProcessEnv = process.env): Promise<OwnPlace | null> {
  if (!env.E2E_ENGINES) return null
  const settings = z.record(z.string(), z.string()).parse(JSON.parse(readFileSync(env.E2E_ENGINES, 'utf8')))
  return ownPlaces(settings)
}

/** Engines that the settings do not name stay embedded. */
export async function ownPlaces(settings: Settings): Promise<OwnPlace> {
  const name = `test${randomUUID().slice(0, 8)}`
  const places: OwnPlace[] = []
  const remove = async () => {
    for (const place of places.splice(0).reverse()) await place.remove()
  }
  try {
    for (const make of MAKERS) places.push(await make(settings, name))
  } catch (error) {
    await remove()
    throw error
  }
  return { env: { ...settings, ...Object.assign({}, ...places.map((place) => place.env)) }, remove }
}

const nowhere: OwnPlace = { env: {}, remove: async () => {} }

/** One on every shard. */
async function ownDatabases(settings: Settings, name: string): Promise<OwnPlace> {
  if (!settings.DATABASE_URLS) return nowhere
  const servers = settings.DATABASE_URLS.split(',')
  const onAll = async (statement: string) => {
    for (const server of servers) {
      const client = new pg.Client({ connectionString: server })
      await client.connect()
      await client.query(statement).finally(() => client.end())
    }
  }
  await onAll(`CREATE DATABASE ${name}`)
  const inIt = (urls: string) =>
    urls
      .split(',')
      .map((text) => text && Object.assign(new URL(text), { pathname: `/${name}` }).href)
      .join(',')
  const { DATABASE_REPLICA_URLS: replicas } = settings
  return {
    env: { DATABASE_URLS: inIt(settings.DATABASE_URLS), ...(replicas && { DATABASE_REPLICA_URLS: inIt(replicas) }) },
    // The edge's connections may still be there.
    remove: () => onAll(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  }
}

/**
 * The first empty one of a server's numbered databases. A cluster has but one, and keys carry no prefix: there, suites use it
 * as it is, people and posts being new ones.
 */
async function ownRedis({ REDIS_URL: url }: Settings): Promise<OwnPlace> {
  if (!url || url.includes(',') || url.includes('+cluster')) return nowhere
  const server = createRedisPort(url)
  await server.ready()
  const [keyspace] = await server.pipeline([['INFO', 'keyspace']]).finally(() => server.close())
  const number = Array.from({ length: 15 }, (_, index) => index + 1).find((n) => !String(keyspace).includes(`db${n}:`))
  if (number === undefined) throw new Error('All numbered databases of Redis are in use: empty one with FLUSHDB.')
  const own = Object.assign(new URL(url), { pathname: `/${number}` }).href
  return {
    env: { REDIS_URL: own },
    async remove() {
      const redis = createRedisPort(own)
      await redis.ready()
      await redis.pipeline([['FLUSHDB']]).finally(() => redis.close())
    },
  }
}

async function ownTopics({ KAFKA_BROKERS: brokers }: Settings, name: string): Promise<OwnPlace> {
  if (!brokers) return nowhere
  const prefix = `${name}.`
  return {
    env: { KAFKA_PREFIX: prefix },
    async remove() {
      const admin = new Admin({ clientId: 'tests', bootstrapBrokers: brokers.split(',') })
      try {
        const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix))
        if (topics.length > 0) await admin.deleteTopics({ topics })
        const groups = [...(await admin.listGroups()).keys()].filter((group) => group.startsWith(prefix))
        if (groups.length > 0) await admin.deleteGroups({ groups })
      } finally {
        await admin.close()
      }
    },
  }
}

async function ownKeyspace(settings: Settings, name: string): Promise<OwnPlace> {
  const { CASSANDRA_CONTACT_POINTS: points, CASSANDRA_DATACENTER: datacenter = 'datacenter1' } = settings
  if (!points) return nowhere
  return {
    env: { CASSANDRA_KEYSPACE: name },
    async remove() {
      const client = new CassandraClient({
        contactPoints: points.split(','),
        localDataCenter: datacenter,
        // It snapshots what it drops.
        socketOptions: { readTimeout: 60_000 },
      })
      await client.execute(`DROP KEYSPACE IF EXISTS ${name}`).finally(() => client.shutdown())
    },
  }
}

async function ownIndices({ ELASTICSEARCH_URL: url }: Settings, name: string): Promise<OwnPlace> {
  if (!url) return nowhere
  return {
    env: { ELASTICSEARCH_PREFIX: name },
    async remove() {
      const client = new ElasticsearchClient({ nodes: url.split(',') })
      try {
        const index = Object.keys(await client.indices.get({ index: `${name}-*`, expand_wildcards: 'all' }))
        if (index.length > 0) await client.indices.delete({ index, ignore_unavailable: true })
      } finally {
        await client.close()
      }
    },
  }
}

/** The origin makes it, as any bucket that is missing. */
async function ownBucket(settings: Settings, name: string): Promise<OwnPlace> {
  const { S3_ENDPOINT: endpoint, S3_REGION: region = 'us-east-1' } = settings
  if (!endpoint) return nowhere
  const credentials = {
    accessKeyId: settings.S3_ACCESS_KEY_ID ?? '',
    secretAccessKey: settings.S3_SECRET_ACCESS_KEY ?? '',
  }
  return {
    env: { S3_BUCKET: name },
    async remove() {
      const objects = s3Objects({ endpoint, bucket: name, region, credentials })
      for (let items = (await objects.list('')).items; items.length > 0; items = (await objects.list('')).items) {
        await objects.delete(items.map(({ key }) => key))
      }
      const signed = new AwsClient({ ...credentials, region, service: 's3', retries: 0 })
      await signed.fetch(`${endpoint}/${name}`, { method: 'DELETE' })
    },
  }
}
