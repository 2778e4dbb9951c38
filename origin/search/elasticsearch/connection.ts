/** A line to Elasticsearch. What it cannot do now is said as `problems.away`: the edge answers 503, the log tries again. */
import { Client, errors } from '@elastic/elasticsearch'
import { type Problem, problems } from '#core/problem.ts'
import { tlsOptions } from '../../tls.ts'
import type { ElasticsearchSettings } from './settings.ts'

/**
 * The edge gives a call two seconds, and takes a call that is late for an origin that is away. A search may ask twice (what
 * matches, then what is misspelt): a silent Elasticsearch has to be a 503 of search before that.
 */
const SEARCH_TIMEOUT_MS = 800
const WRITE_TIMEOUT_MS = 20_000
/** Making an index waits for its shards. */
const ADMIN_TIMEOUT_MS = 30_000
/** Whom a 503 sends away: a node that was killed is back in half a minute. */
const RETRY_AFTER_SECONDS = 5

/** Tries after the first are for another node, or a connection that was cut: an outage is for the caller to outwait. */
const MAX_RETRIES = 2
/** Seconds, as the client counts. */
const retryBackoff = (_least: number, _most: number, attempt: number) => 0.05 * 2 ** attempt

/** For each request, by what it is for. */
export const OPTIONS = Object.freeze({
  search: { requestTimeout: SEARCH_TIMEOUT_MS, maxRetries: 1, retryBackoff },
  write: { requestTimeout: WRITE_TIMEOUT_MS, maxRetries: MAX_RETRIES, retryBackoff },
  admin: { requestTimeout: ADMIN_TIMEOUT_MS, maxRetries: MAX_RETRIES, retryBackoff },
})

export function elasticsearchClient({ urls, auth, ca }: ElasticsearchSettings): Client {
  return new Client({
    nodes: [...urls],
    ...(auth !== null && { auth }),
    ...(ca !== null && { tls: tlsOptions({ ca }) }),
    // Behind a balancer, or with an API key that may not ask for it, the list of nodes is none of our business.
    sniffOnStart: false,
  })
}

export const away = (cause: unknown): Problem => problems.away('Elasticsearch', RETRY_AFTER_SECONDS, cause)

/**
 * Whether a status tells of an outage: too much at once, gone, or a key that is not accepted, which is set right without
 * touching the work at hand.
 */
export const isAwayStatus = (status: number): boolean =>
  status === 429 || status >= 500 || status === 401 || status === 403

/** An alias is not there: nobody has made it yet, or a new generation has just taken its place. */
export class Moved extends Error {}

/** Whether an index or alias was asked for that is not there. */
export const isMissing = (error: unknown): boolean =>
  error instanceof Moved || (error instanceof errors.ResponseError && error.statusCode === 404)

/** Runs a request. @throws Problem 503 in an outage; else what the client threw */
export async function asking<T>(request: () => Promise<T>): Promise<T> {
  try {
    return await request()
  } catch (error) {
    throw isOutage(error) ? away(error) : error
  }
}

function isOutage(error: unknown): boolean {
  if (error instanceof errors.ResponseError) return isAwayStatus(error.statusCode ?? 0)
  return (
    error instanceof errors.ConnectionError ||
    error instanceof errors.TimeoutError ||
    error instanceof errors.NoLivingConnectionsError ||
    error instanceof errors.RequestAbortedError
  )
}
