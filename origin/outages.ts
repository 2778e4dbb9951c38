/** Which errors tell of an outage, to be waited for, and which of data that no repetition will store: what the tiers agree on. */
import { Problem } from '#core/problem.ts'
import { RedisAwayError } from '#core/redis.ts'
import { sqlState } from '#drizzle/database.ts'
import { Unprocessable } from './event-log.ts'
import { ObjectStoreError } from './objects/index.ts'

/** The errno codes of a peer that cannot be reached or has gone. */
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  // Names cannot be looked up yet, as while a host or a cluster boots.
  'EAI_AGAIN',
])

/** What node-postgres says, without a code, of a server that went away or says nothing. */
const SILENCE = [
  'Connection terminated',
  'Query read timeout',
  'timeout exceeded when trying to connect',
  'timeout expired',
]

/**
 * Whether an error tells of an outage (a store cannot be reached, is starting or full) rather than of the work at hand.
 * Such work is worth trying again for as long as the outage lasts.
 */
export function isAway(error: unknown): boolean {
  // SQLSTATE classes 08 connection, 53 resources, 57P operator intervention (https://www.postgresql.org/docs/current/errcodes-appendix.html).
  if (/^(08|53|57P)/.test(sqlState(error) ?? '')) return true
  for (let e = error; e instanceof Error; e = e.cause) {
    if (e instanceof RedisAwayError || (e instanceof Problem && e.status === 503)) return true
    if (e instanceof ObjectStoreError && e.isTransient) return true
    if ('code' in e && typeof e.code === 'string' && NETWORK.has(e.code)) return true
    const { message } = e
    if (SILENCE.some((start) => message.startsWith(start))) return true
  }
  return false
}

/**
 * Whether the data itself cannot be stored, so that trying again changes nothing: SQLSTATE class 22 (for example a NUL in
 * JSON), or what the log has refused itself.
 */
export function isDataFault(error: unknown): boolean {
  return error instanceof Unprocessable || (sqlState(error)?.startsWith('22') ?? false)
}
