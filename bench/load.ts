/** Closed-loop load with autocannon: a fixed number of connections, each sending its next request after the answer. */
import autocannon from 'autocannon'

export interface LoadResult {
  requests: number
  rps: number
  p50Ms: number
  p99Ms: number
  /** Answers that were not 2xx or 304. */
  failures: number
}

export interface LoadRequest {
  path: string
  headers?: Record<string, string>
}

const CONNECTIONS = 16

/** Sends the requests over and over; each connection draws its own next one. */
export async function load(url: string, pick: () => LoadRequest, seconds: number): Promise<LoadResult> {
  const result = await autocannon({
    url,
    connections: CONNECTIONS,
    duration: seconds,
    requests: [{ method: 'GET', setupRequest: (request) => ({ ...request, ...pick() }) }],
  })
  const bad = Object.entries(result.statusCodeStats ?? {})
    .filter(([code]) => !code.startsWith('2') && code !== '304')
    .reduce((sum, [, stat]) => sum + (stat.count ?? 0), 0)
  return {
    requests: result.requests.total,
    rps: result.requests.total / seconds,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    failures: bad + result.errors + result.timeouts,
  }
}
