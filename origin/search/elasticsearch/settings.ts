/** What the Elasticsearch engine is told from outside; read without loading its client. */
import { z } from 'zod'

export interface ElasticsearchSettings {
  /** Addresses of nodes of one cluster, asked in turn. */
  urls: readonly string[]
  apiKey: string | null
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
  ELASTICSEARCH_PREFIX: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,59}$/, 'must be up to 60 small letters, digits and dashes')
    .default('tideline'),
  ELASTICSEARCH_SHARDS: z.coerce.number().int().min(1).max(1_024).default(1),
  /** Absent: one copy as soon as a second node can hold it. */
  ELASTICSEARCH_REPLICAS: z.coerce.number().int().min(0).max(10).optional(),
}

type Environment = z.output<z.ZodObject<typeof elasticsearchEnvironment>>

/** Null: search is in Postgres. */
export function elasticsearchSettings(environment: Environment): ElasticsearchSettings | null {
  const { ELASTICSEARCH_URL: urls, ELASTICSEARCH_API_KEY: apiKey = null } = environment
  if (urls === undefined) return null
  return {
    urls,
    apiKey,
    prefix: environment.ELASTICSEARCH_PREFIX,
    shards: environment.ELASTICSEARCH_SHARDS,
    replicas: environment.ELASTICSEARCH_REPLICAS ?? null,
  }
}
