import type { GatewayLogger } from '../logger.ts'
import type { GatewayMetrics } from './metrics.ts'

export type { GatewayLogger } from '../logger.ts'

/** The Postgres behind the gateway. Clients never choose it. */
export interface TargetSettings {
  /** `postgres://user:password@host:port/database`, with the parameters that `pg` knows (`sslmode`, `host=/socket/folder`). */
  url: string
}

/** What clients have to present; the target's own credentials stay inside. */
export interface Credentials {
  user: string
  password: string
  database: string
}

/** Every bound the gateway keeps. All have defaults: {@link DEFAULT_LIMITS}. */
export interface NeonGatewayLimits {
  /** Longest request body, in bytes; above: 413. */
  bodyBytes: number
  /** Longest answer, in bytes of column text; above: 507. */
  resultBytes: number
  /** Most queries in one batch; above: 400. */
  batchQueries: number
  /** Connections to the target for HTTP requests. */
  poolConnections: number
  /**
   * Requests that wait for one of those; above: 503 with Retry-After. The most urgent (`Priority`, RFC 9218) go first, and
   * the least urgent are refused before the queue is full.
   */
  queuedRequests: number
  /** Longest wait for one of those, in ms; above: 503 with Retry-After. */
  queueTimeoutMs: number
  /** Longest wait for Postgres to take a new connection, or to say that it is there, in ms; above: 503 with Retry-After. */
  connectTimeoutMs: number
  /** Postgres' statement_timeout, in ms; above: 400 with 57014. */
  statementTimeoutMs: number
  /** Longest a request may take once it has a connection, in ms; above it is cancelled: 504. */
  requestTimeoutMs: number
  /** WebSocket connections, each with a connection to the target; above: 503 at the upgrade. */
  tunnels: number
  /** Longest wait for a client's startup message and password, in ms. */
  handshakeTimeoutMs: number
  /** Silence, in both directions, after which a WebSocket is closed, in ms. */
  tunnelIdleMs: number
  /** Postgres' idle_in_transaction_session_timeout on WebSocket connections, in ms. */
  transactionIdleMs: number
  /** Longest WebSocket frame, in bytes. */
  frameBytes: number
  /** Bytes on their way to one side of a WebSocket above which the other side is no longer read. */
  tunnelBufferBytes: number
}

export const DEFAULT_LIMITS: Readonly<NeonGatewayLimits> = Object.freeze({
  // Neon's own limit for requests and answers over HTTP is 64 MB.
  bodyBytes: 64 * 1024 * 1024,
  resultBytes: 64 * 1024 * 1024,
  batchQueries: 1_000,
  poolConnections: 8,
  queuedRequests: 1_000,
  queueTimeoutMs: 5_000,
  connectTimeoutMs: 5_000,
  statementTimeoutMs: 15_000,
  requestTimeoutMs: 30_000,
  tunnels: 50,
  handshakeTimeoutMs: 10_000,
  tunnelIdleMs: 300_000,
  transactionIdleMs: 60_000,
  frameBytes: 16 * 1024 * 1024,
  tunnelBufferBytes: 1024 * 1024,
})

export interface NeonGatewayOptions {
  target: TargetSettings
  credentials: Credentials
  /** More databases behind the same user and password, by the names that clients give. `target` is `credentials.database`. */
  furtherTargets?: Readonly<Record<string, TargetSettings>>
  /** Likewise, but databases that clients can do without: one that is away does not make the gateway's health bad. */
  replicas?: Readonly<Record<string, TargetSettings>>
  limits?: Partial<NeonGatewayLimits>
  /** Value of Access-Control-Allow-Origin; absent = no CORS headers. Neon itself answers `*`. */
  allowOrigin?: string
  logger?: GatewayLogger
  /** Hooks called per request; `promMetrics(registry)` makes them for prom-client. */
  metrics?: GatewayMetrics
  /** Monotonic milliseconds. */
  now?: () => number
}
