/** The database port over Neon's HTTP driver: a statement or a batch is one request, so nothing outlives a request. */
import { neon, neonConfig } from '@neondatabase/serverless'
import { drizzle } from 'drizzle-orm/neon-http'
import type { Breaker } from '#core/breaker.ts'
import { URGENCY } from '#core/load.ts'
import { type Database, neonDatabase, sqlState } from '#drizzle/database.ts'

/** Postgres did not answer, or answered that it cannot serve now. Readers fall back, posts are queued. */
export class DatabaseAwayError extends Error {
  constructor(cause: unknown) {
    super('Postgres cannot be reached', { cause })
    this.name = 'DatabaseAwayError'
  }
}

/**
 * The driver takes its endpoint from a global setting; this table keeps it apart by the connection string's host. One
 * entry a host, of which production has one or, with several databases of their own, a few.
 */
const endpointOfHost = new Map<string, string>()

export interface NeonConfig {
  /** Where SQL is posted: Neon's own, or a gateway's /sql. */
  httpUrl: string
  /** Connection string: says user, password and database to the gateway. */
  url: string
  timeoutMs: number
}

/** As a fetch says it; the driver hands it on. Our gateway takes what is `high` first when there is much to do (RFC 9218). */
export type Priority = 'high' | 'auto' | 'low'

const URGENCY_OF: Readonly<Record<Priority, number>> = Object.freeze({
  high: URGENCY.feed,
  auto: URGENCY.interactive,
  low: URGENCY.deferrable,
})

export function neonPostgres(config: NeonConfig, breaker: Breaker, priority: Priority = 'auto'): Database {
  const { hostname } = new URL(config.url)
  endpointOfHost.set(hostname, config.httpUrl)
  neonConfig.fetchEndpoint = (host) => endpointOfHost.get(host) ?? config.httpUrl
  neonConfig.fetchFunction = (input: string, init: RequestInit & { headers: object; priority: Priority }) => {
    const headers = { ...init.headers, priority: `u=${URGENCY_OF[init.priority]}` }
    return fetch(input, { ...init, headers, signal: AbortSignal.timeout(config.timeoutMs) })
  }
  const port = neonDatabase(drizzle({ client: neon(config.url, { fetchOptions: { priority } }) }))
  const guarded = async <T>(call: () => Promise<T>): Promise<T> => {
    if (!breaker.allows()) throw new DatabaseAwayError(new Error('left alone for a moment'))
    try {
      const answer = await call()
      breaker.succeeded()
      return answer
    } catch (error) {
      if (!isAway(error)) {
        breaker.succeeded()
        throw error
      }
      if (sqlState(error) === CROWDED) breaker.succeeded()
      else breaker.failed()
      throw new DatabaseAwayError(error)
    }
  }
  return {
    query: (statement) => guarded(() => port.query(statement)),
    batch: (statements) => guarded(() => port.batch(statements)),
  }
}

/** Our gateway's queue is full: it is there, and has time for something more urgent. */
const CROWDED = '53400'

/** Classes 08 (connection), 53 (resources), 57P (shutdown) and 58 (system); and everything that is no SQLSTATE at all. */
function isAway(error: unknown): boolean {
  const state = sqlState(error)
  return state === null || /^(08|53|57P|58)/.test(state)
}
