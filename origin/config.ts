/** The origin's settings, checked once at the door: a wrong one stops the start with its name and a sentence. */
import { resolve } from 'node:path'
import { z } from 'zod'
import { FANOUT_POLICY, type FanoutPolicy } from '#core/fanout-policy.ts'
import { parseShardDatabases, type ShardDatabase } from '#core/shard-map.ts'
import { type CassandraSettings, cassandraEnvironment, cassandraSettings } from './engagement/index.ts'
import { type KafkaSettings, kafkaEnvironment, kafkaSettings } from './log/kafka/settings.ts'
import { parseRedisUrl } from './redis/address.ts'
import { type ElasticsearchSettings, elasticsearchEnvironment, elasticsearchSettings } from './search/index.ts'
import { ensureSecrets, type Secrets } from './secrets.ts'
import { pemFile } from './tls.ts'

export const ROLES = [
  'gateway',
  'ingest',
  'accounts',
  'graph',
  'fanout',
  'engagement',
  'search',
  'media',
  'recommend',
  'notify',
] as const
export type Role = (typeof ROLES)[number]

const port = (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback)
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean),
)

const redisUrl = z.string().superRefine((text, context) => {
  try {
    const address = text === 'embedded' ? null : parseRedisUrl(text)
    if (address?.kind !== 'server' || /^rediss?:$/.test(new URL(address.url).protocol)) return
    context.addIssue({ code: 'custom', message: 'must begin with redis:// or rediss://' })
  } catch (error) {
    const why = error instanceof Error ? error.message : 'no address'
    context.addIssue({ code: 'custom', message: `${why} (such as redis://127.0.0.1:6379, or embedded)` })
  }
})

const databases = z.string().transform((text, context) => {
  try {
    const parsed = parseShardDatabases(text)
    for (const { url } of parsed) z.url({ protocol: /^postgres(ql)?$/ }).parse(url)
    return parsed
  } catch (error) {
    context.addIssue(error instanceof RangeError ? error.message : 'must be postgres:// addresses, comma separated')
    return z.NEVER
  }
})

/** An empty place: that database has none. */
const replicas = z
  .string()
  .transform((text) => text.split(',').map((part) => part.trim()))
  .pipe(z.array(z.union([z.literal(''), z.url({ protocol: /^postgres(ql)?$/ })])))

const settings = z.object({
  NODE_ENV: z.string().default('development'),
  STATE_DIR: z.string().default('.tideline'),
  HOST: z.string().default('127.0.0.1'),
  /** The internal API, JWKS, health and metrics. */
  PORT: port(8080),
  /** Upstash REST at /, Neon at /sql and /v2. */
  GATEWAY_PORT: port(8079),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  ROLES: list.pipe(z.array(z.enum(ROLES))).default([...ROLES]),
  /** Absent: Postgres inside this process, on disk. Several, separated by commas: each holds a range of the shards. */
  DATABASE_URLS: databases.optional(),
  /** A replica for each of them, in their order, for reads that may lag. */
  DATABASE_REPLICA_URLS: replicas.optional(),
  /**
   * Absent: a redis-server on the PATH, else the engine inside this process. `embedded` insists on the latter. Several,
   * separated by commas, or `redis+cluster://`: nodes of a cluster.
   */
  REDIS_URL: redisUrl.optional(),
  /** PEM: the authority behind the certificates of a `rediss://`, where Node does not know it. */
  REDIS_CA_FILE: pemFile.optional(),
  /** Absent: a folder on disk that speaks S3. */
  S3_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  /** Where clients reach the store, when that is another address. */
  S3_PUBLIC_ENDPOINT: z.url({ protocol: /^https?$/ }).optional(),
  S3_BUCKET: z.string().default('tideline-media'),
  S3_REGION: z.string().default('auto'),
  /** Origins of pages that may upload to the bucket; its CORS rules are set to them at the start. */
  S3_CORS_ORIGINS: list.pipe(z.array(z.union([z.literal('*'), z.url({ protocol: /^https?$/ })])).min(1)).default(['*']),
  ...cassandraEnvironment,
  ...kafkaEnvironment,
  ...elasticsearchEnvironment,
  POSTGRES_PORT: port(15_432),
  REDIS_PORT: port(16_379),
  S3_PORT: port(19_000),
  /** Whose caches forget what is deleted: both, or neither for none. */
  CF_ZONE_ID: z
    .string()
    .regex(/^[0-9a-f]{32}$/, 'must be 32 hex digits')
    .optional(),
  CF_API_TOKEN: z.string().min(20).optional(),
  CELEBRITY_AT: z.coerce.number().int().positive().default(FANOUT_POLICY.celebrityAt),
  ORDINARY_BELOW: z.coerce.number().int().positive().default(FANOUT_POLICY.ordinaryBelow),
})

export interface Config {
  production: boolean
  stateDir: string
  host: string
  port: number
  gatewayPort: number
  logLevel: z.output<typeof settings>['LOG_LEVEL']
  roles: ReadonlySet<Role>
  /** Null: Postgres inside this process. The first is the directory. */
  databases: readonly ShardDatabase[] | null
  /** By the place of their primary among the databases; null where there is none. */
  replicaUrls: readonly (string | null)[]
  redisUrl: string | 'embedded' | null
  /** PEM for a `rediss://`; null: authorities that Node knows. */
  redisCa: string | null
  /** Null: engagement is in Postgres. */
  cassandra: CassandraSettings | null
  /** Null: the event log is in Postgres. */
  kafka: KafkaSettings | null
  /** Null: search is in Postgres. */
  elasticsearch: ElasticsearchSettings | null
  objects: { endpoint: string | null; publicEndpoint: string | null; bucket: string; region: string; origins: string[] }
  /** Null: nothing tells caches at the edge what was deleted. */
  cloudflare: { zoneId: string; apiToken: string } | null
  embeddedPorts: { postgres: number; redis: number; objects: number }
  policy: FanoutPolicy
  secrets: Secrets
}

/**
 * Reads the environment, and the secrets: from it in production, else made on the first start into the state folder.
 * @throws Error that names every setting that is missing or wrong, never its value
 */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = settings.safeParse(given)
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new Error(`The origin's settings are wrong. ${faults.join('; ')}`)
  }
  const s = parsed.data
  if (s.ORDINARY_BELOW >= s.CELEBRITY_AT) {
    throw new Error('ORDINARY_BELOW must be below CELEBRITY_AT: without that gap an author at the line would flap.')
  }
  const replicaUrls = (s.DATABASE_REPLICA_URLS ?? []).map((url) => url || null)
  if (replicaUrls.length > (s.DATABASE_URLS?.length ?? 0)) {
    throw new Error('DATABASE_REPLICA_URLS names one replica for each of DATABASE_URLS, in their order, and no more.')
  }
  if ((s.CF_ZONE_ID === undefined) !== (s.CF_API_TOKEN === undefined)) {
    throw new Error('CF_ZONE_ID and CF_API_TOKEN belong together: set both to purge caches, or neither.')
  }
  const stateDir = resolve(s.STATE_DIR)
  const production = s.NODE_ENV === 'production'
  return {
    production,
    stateDir,
    host: s.HOST,
    port: s.PORT,
    gatewayPort: s.GATEWAY_PORT,
    logLevel: s.LOG_LEVEL,
    roles: new Set(s.ROLES),
    databases: s.DATABASE_URLS ?? null,
    replicaUrls,
    redisUrl: s.REDIS_URL ?? null,
    redisCa: s.REDIS_CA_FILE ?? null,
    cassandra: cassandraSettings(s, production),
    kafka: kafkaSettings(s, production),
    elasticsearch: elasticsearchSettings(s),
    objects: {
      endpoint: s.S3_ENDPOINT ?? null,
      publicEndpoint: s.S3_PUBLIC_ENDPOINT ?? null,
      bucket: s.S3_BUCKET,
      region: s.S3_REGION,
      origins: s.S3_CORS_ORIGINS,
    },
    cloudflare: s.CF_ZONE_ID && s.CF_API_TOKEN ? { zoneId: s.CF_ZONE_ID, apiToken: s.CF_API_TOKEN } : null,
    embeddedPorts: { postgres: s.POSTGRES_PORT, redis: s.REDIS_PORT, objects: s.S3_PORT },
    policy: Object.freeze({ ...FANOUT_POLICY, celebrityAt: s.CELEBRITY_AT, ordinaryBelow: s.ORDINARY_BELOW }),
    secrets: ensureSecrets(stateDir, given, production),
  }
}
