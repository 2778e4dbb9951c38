/** What the Elasticsearch engine is told from outside; read without loading its client. */
import { z } from 'zod'
import { pemFile } from '../../tls.ts'

export interface ElasticsearchSettings {
  /** Addresses of nodes of one cluster, asked in turn. */
  urls: readonly string[]
  /** An API key, or a user with a password; null: neither. */
  auth: { apiKey: string } | { username: string; password: string } | null
  /** PEM of the authority behind its certificate; null: one that Node knows. */
  ca: string | null
  /** What the names of indices begin with, where several Tidelines share a cluster. */
  prefix: string
  /** Shards of each index that is made: fixed for its life, changed by a reindex. */
  shards: number
  /** Copies beside the first; null: one as soon as a second node can hold it. */
  replicas: number | null
}

const urls = z
  .string()
  .transform((text) => text.split(/[\s,]+/).filter(Boolean))
  .pipe(z.array(z.url({ protocol: /^https?$/ })).min(1))

/** Its part of the origin's settings. Without an address, search is in Postgres. */
export const elasticsearchEnvironment = {
  /** Absent: tables in Postgres. */
  ELASTICSEARCH_URL: urls.optional(),
  ELASTICSEARCH_API_KEY: z.string().min(10).optional(),
  /** Instead of a key. */
  ELASTICSEARCH_USERNAME: z.string().optional(),
  ELASTICSEARCH_PASSWORD: z.string().optional(),
  /** PEM: the authority behind its certificate, where Node does not know it. */
  ELASTICSEARCH_CA_FILE: pemFile.optional(),
  ELASTICSEARCH_PREFIX: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,59}$/, 'must be up to 60 small letters, digits and dashes')
    .default('tideline'),
  ELASTICSEARCH_SHARDS: z.coerce.number().int().min(1).max(1_024).default(1),
  /** Absent: one copy as soon as a second node can hold it. */
  ELASTICSEARCH_REPLICAS: z.coerce.number().int().min(0).max(10).optional(),
}

type Environment = z.output<z.ZodObject<typeof elasticsearchEnvironment>>

/**
 * Null: search is in Postgres.
 * @throws Error for settings that are right by themselves but not together
 */
export function elasticsearchSettings(environment: Environment): ElasticsearchSettings | null {
  const { ELASTICSEARCH_URL: urls, ELASTICSEARCH_CA_FILE: ca = null } = environment
  if (urls === undefined) return null
  if (ca !== null && !urls.every((url) => url.startsWith('https:'))) {
    throw new Error('ELASTICSEARCH_CA_FILE is for addresses that begin with https://.')
  }
  return {
    urls,
    auth: authOf(environment),
    ca,
    prefix: environment.ELASTICSEARCH_PREFIX,
    shards: environment.ELASTICSEARCH_SHARDS,
    replicas: environment.ELASTICSEARCH_REPLICAS ?? null,
  }
}

function authOf(environment: Environment): ElasticsearchSettings['auth'] {
  const { ELASTICSEARCH_API_KEY: apiKey } = environment
  const { ELASTICSEARCH_USERNAME: username, ELASTICSEARCH_PASSWORD: password } = environment
  if (apiKey !== undefined) {
    if (username ?? password) throw new Error('ELASTICSEARCH_API_KEY stands instead of a user and a password.')
    return { apiKey }
  }
  if (username === undefined && password === undefined) return null
  if (username === undefined || password === undefined) {
    throw new Error('ELASTICSEARCH_USERNAME and ELASTICSEARCH_PASSWORD belong together.')
  }
  return { username, password }
}
