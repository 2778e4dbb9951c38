import type { ConnectionOptions as TlsOptions } from 'node:tls'
import type { GatewayLogger } from '../logger.ts'
import type { GatewayMetrics } from './metrics.ts'

export type { GatewayLogger } from '../logger.ts'

/** Where Redis or Valkey is, and how to sign in there. */
export interface RedisSettings {
  /**
   * `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS. Several, separated by commas, or one as
   * `redis+cluster://`: nodes of a cluster, which are asked for the others.
   */
  url: string
  /** Overrides the URL's user (Redis ACL, from Redis 6 on). */
  username?: string
  /** Overrides the URL's password. */
  password?: string
  /** Overrides the URL's database number. */
  db?: number
  /** Extra TLS options (a CA, a client certificate); only with `rediss://`. */
  tls?: TlsOptions
  /** Longest wait for TCP, TLS and sign-in together, in ms. */
  connectTimeoutMs?: number
  /** What `CLIENT LIST` shows. */
  connectionName?: string
}

/** Bearer tokens. A token that stands in both lists may write. */
export interface GatewayTokens {
  readWrite: readonly string[]
  readOnly: readonly string[]
}

/** Every bound the gateway keeps. All have defaults: {@link DEFAULT_LIMITS}. */
export interface GatewayLimits {
  /** Longest request body, in bytes; above: 413. */
  bodyBytes: number
  /** Longest answer, in bytes; above: 507. Bounds the memory that one `HGETALL` can take. */
  replyBytes: number
  /** Most commands in one pipeline or transaction; above: 400. */
  pipelineCommands: number
  /**
   * Most requests under way, streams apart; above: 503 with Retry-After. Less urgent ones (`Priority: u=4` to `u=7`, RFC 9218;
   * 3 where nothing is said) are refused before: what is left then is for urgent ones.
   */
  requests: number
  /** Most commands waiting for Redis (in a cluster: for one node) over all requests; above: 503 with Retry-After. */
  inFlightCommands: number
  /** Most bytes of commands waiting for Redis over all requests; above: 503 with Retry-After. */
  inFlightBytes: number
  /** Longest wait for Redis, in ms; above: 504. */
  commandTimeoutMs: number
  /** Longest a blocking command (BLPOP, XREAD BLOCK …) may hold its connection, in ms; above: 504. */
  blockingTimeoutMs: number
  /** Most connections for blocking commands at a time; above: 503. */
  blockingConnections: number
  /** Most SUBSCRIBE, PSUBSCRIBE and MONITOR streams at a time; above: 503. */
  streams: number
  /** Unsent bytes after which a stream whose client does not read is ended. */
  streamBufferBytes: number
  /** Pause between the comment lines that keep a silent stream open through proxies, in ms. */
  streamHeartbeatMs: number
}

export const DEFAULT_LIMITS: Readonly<GatewayLimits> = Object.freeze({
  // Upstash's own pay-as-you-go limit for a request is 10 MB.
  bodyBytes: 10 * 1024 * 1024,
  replyBytes: 64 * 1024 * 1024,
  pipelineCommands: 10_000,
  // At a tenth of a millisecond each, what is done in the time that a client waits for one.
  requests: 1_000,
  // Five full pipelines: some 50 ms of work for one Redis. More would only wait longer.
  inFlightCommands: 50_000,
  inFlightBytes: 256 * 1024 * 1024,
  commandTimeoutMs: 5_000,
  blockingTimeoutMs: 30_000,
  blockingConnections: 64,
  streams: 1_000,
  // The SDK gives up on a line above 1 MB, and so does a reader that is this far behind.
  streamBufferBytes: 1024 * 1024,
  streamHeartbeatMs: 15_000,
})

export interface UpstashGatewayOptions {
  redis: RedisSettings
  tokens: GatewayTokens
  limits?: Partial<GatewayLimits>
  /** Path under which the gateway answers, for example `/redis`; empty: the whole server. */
  pathPrefix?: string
  logger?: GatewayLogger
  /** Hooks called per request; `promMetrics(registry)` makes them for prom-client. */
  metrics?: GatewayMetrics
  /** Monotonic milliseconds. */
  now?: () => number
  /** Numbers in [0, 1), for the jitter between reconnects. */
  random?: () => number
}
