/** The Worker's settings, checked once at the door: a wrong one stops the first request with its name, not the hundredth. */
import { z } from 'zod'
import { type SigningKeys, signingKeysSetting } from '#core/image/sign.ts'
import { EDGE_PATIENCE_MS } from '#core/patience.ts'
import { parseShardDatabases, type ShardDatabase } from '#core/shard-map.ts'

const address = z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/$/, ''))

const jwks = z
  .string()
  .transform((text, context) => {
    if (text.trim() === '') return []
    try {
      return (JSON.parse(text) as { keys: unknown }).keys
    } catch {
      context.addIssue('must be a JSON Web Key Set')
      return z.NEVER
    }
  })
  .pipe(z.array(z.looseObject({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string(), kid: z.string() })))

const databases = z.string().transform((text, context) => {
  try {
    const parsed = parseShardDatabases(text)
    if (parsed.every(({ url }) => /^postgres(ql)?:\/\//.test(url))) return parsed
    context.addIssue('must be a connection string')
  } catch (fault) {
    context.addIssue(fault instanceof RangeError ? fault.message : 'unreadable')
  }
  return z.NEVER
})

const replicas = z
  .string()
  .default('')
  .transform((text) => text.split(',').map((url) => url.trim()))
  .pipe(z.array(z.string().regex(/^(postgres(ql)?:\/\/.+)?$/, 'must be connection strings')))

const settings = z.object({
  REDIS_REST_URL: address,
  REDIS_REST_TOKEN: z.string().min(1),
  /** Where SQL is posted: one address for all databases, or one for each, comma separated. */
  DATABASE_HTTP_URL: z
    .string()
    .transform((text) => text.split(','))
    .pipe(z.array(address).min(1)),
  /** Connection strings, comma separated, each with its shards where there are several (core/shard-map.ts). */
  DATABASE_URL: databases,
  /** A replica of each of them for reads that may lag, in their order; an empty place where there is none. */
  DATABASE_REPLICA_URL: replicas,
  /** Where their SQL is posted, as of DATABASE_HTTP_URL; left out, where their databases' is. */
  DATABASE_REPLICA_HTTP_URL: z
    .string()
    .default('')
    .transform((text) => (text === '' ? [] : text.split(',')))
    .pipe(z.array(z.union([z.literal(''), address]))),
  ORIGIN_URL: address,
  SERVICE_TOKEN: z.string().min(1),
  JWT_PUBLIC_JWKS: jwks.default([]),
  /** Milliseconds for a round trip to Redis; a machine that runs everything at once is slower than a region. */
  REDIS_TIMEOUT_MS: z.coerce.number().int().positive().optional(),
  /** Milliseconds after which a reader is shown the best page there is. */
  FEED_BUDGET_MS: z.coerce.number().int().positive().default(200),
  /** Requests that an isolate has under way at most; it may find that fewer are enough (core/load.ts). */
  MAX_IN_FLIGHT: z.coerce.number().int().positive().default(100),
  /** Bytes of posts that an isolate keeps; 0 switches the cache off. */
  POST_CACHE_BYTES: z.coerce.number().int().min(0).optional(),
  /** Lines of the access log: of every request, or of those that failed for our fault. */
  ACCESS_LOG: z.enum(['all', 'faults']).default('all'),
  /** Sign the addresses of private pictures; the image Worker holds the same list. */
  IMAGE_SIGNING_KEYS: signingKeysSetting,
  /** Where images are served, when that is another origin. */
  IMAGE_BASE_URL: z.union([z.literal(''), address]).default(''),
  /** Origins that may call with CORS, comma separated; empty = any, which is safe since there are no cookies. */
  CORS_ORIGINS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((origin) => origin.trim())
        .filter(Boolean),
    ),
})

/** A public Ed25519 key (RFC 8037) as settings, Redis and the origin give it. */
export type PublicJwk = z.output<typeof jwks>[number]

export const publicJwks = jwks

export interface EdgeDatabase extends ShardDatabase {
  readonly httpUrl: string
  readonly timeoutMs: number
  readonly replica: { readonly url: string; readonly httpUrl: string; readonly timeoutMs: number } | null
}

export interface Config {
  readonly redis: { readonly url: string; readonly token: string; readonly timeoutMs: number }
  /** The first is the directory. */
  readonly databases: readonly EdgeDatabase[]
  readonly origin: { readonly url: string; readonly token: string; readonly timeoutMs: number }
  readonly jwks: readonly PublicJwk[]
  readonly corsOrigins: readonly string[]
  /** Origin of image addresses; '' makes them relative to this one. */
  readonly imageBase: string
  readonly imageSigningKeys: Readonly<SigningKeys>
  readonly accessLog: 'all' | 'faults'
  /** Of a first page, from the request's arrival on. */
  readonly feedBudgetMs: number
  readonly maxInFlight: number
  /** Null: the feed's own default. */
  readonly postCacheBytes: number | null
}

/**
 * Reads the bindings that are text.
 * @throws Error naming each setting that is missing or malformed, never its value
 */
export function readConfig(env: Record<string, unknown>): Config {
  const parsed = settings.safeParse(env)
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)
    throw new Error(`The settings of the api Worker are wrong. ${faults.join('; ')}`)
  }
  const s = parsed.data
  return Object.freeze({
    redis: {
      url: s.REDIS_REST_URL,
      token: s.REDIS_REST_TOKEN,
      timeoutMs: s.REDIS_TIMEOUT_MS ?? EDGE_PATIENCE_MS.redis,
    },
    databases: s.DATABASE_URL.map((database, i) => edgeDatabase(s, database, i)),
    origin: { url: s.ORIGIN_URL, token: s.SERVICE_TOKEN, timeoutMs: EDGE_PATIENCE_MS.origin },
    jwks: s.JWT_PUBLIC_JWKS,
    corsOrigins: s.CORS_ORIGINS,
    imageBase: s.IMAGE_BASE_URL,
    imageSigningKeys: s.IMAGE_SIGNING_KEYS,
    accessLog: s.ACCESS_LOG,
    feedBudgetMs: s.FEED_BUDGET_MS,
    maxInFlight: s.MAX_IN_FLIGHT,
    postCacheBytes: s.POST_CACHE_BYTES ?? null,
  })
}

/** An address that is given once is that of all. */
function edgeDatabase(s: z.output<typeof settings>, database: ShardDatabase, index: number): EdgeDatabase {
  const httpUrl = s.DATABASE_HTTP_URL[index] ?? s.DATABASE_HTTP_URL[0] ?? ''
  const { [index]: replicaUrl = '' } = s.DATABASE_REPLICA_URL
  const replicaHttpUrl = s.DATABASE_REPLICA_HTTP_URL[index] || s.DATABASE_REPLICA_HTTP_URL[0] || httpUrl
  const replica =
    replicaUrl === '' ? null : { url: replicaUrl, httpUrl: replicaHttpUrl, timeoutMs: EDGE_PATIENCE_MS.replica }
  return { ...database, httpUrl, timeoutMs: EDGE_PATIENCE_MS.database, replica }
}
