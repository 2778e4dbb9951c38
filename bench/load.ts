/** Closed-loop load with autocannon: a fixed number of connections, each sending its next request after the answer. */
import autocannon from 'autocannon'

export interface LoadResult {
  requests: number
  rps: number
  p50Ms: number
  p99Ms: number
  /** Answers that were not 2xx or 304, or not right. */
  failures: number
  /** Answers of 304, which have no body to be right. */
  notModified: number
  /** Mean size of an answer, head and body. */
  bytes: number
}

export interface LoadRequest {
  path: string
  headers?: Record<string, string>
}

export interface LoadOptions {
  /** Requests under way at once. */
  connections?: number
  /** Looks at every answer of 2xx; absent: none is looked at. It runs beside the load: cheap for the rate asked of it. */
  isRight?(body: string, headers: Record<string, string>): boolean
}

const CONNECTIONS = 16

/** Sends the requests over and over; each connection draws its own next one. */
export async function load(
  url: string,
  pick: () => LoadRequest,
  seconds: number,
  { connections = CONNECTIONS, isRight }: LoadOptions = {},
): Promise<LoadResult> {
  let wrong = 0
  const look = (status: number, body: string, headers: unknown) => {
    if (status < 200 || status > 299) return
    if (isRight?.(body, lowerCased(headers as Record<string, string>)) === false) wrong++
  }
  const result = await autocannon({
    url,
    connections,
    duration: seconds,
    requests: [
      {
        method: 'GET',
        setupRequest: (request) => ({ ...request, ...pick() }),
        ...(isRight === undefined
          ? {}
          : { onResponse: (status, body, _context, headers) => look(status, body, headers) }),
      },
    ],
  })
  const bad = Object.entries(result.statusCodeStats ?? {})
    .filter(([code]) => !code.startsWith('2') && code !== '304')
    .reduce((sum, [, stat]) => sum + (stat.count ?? 0), 0)
  return {
    requests: result.requests.total,
    rps: result.requests.total / seconds,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    failures: bad + result.errors + result.timeouts + wrong,
    notModified: result.statusCodeStats?.['304']?.count ?? 0,
    bytes: Math.round(result.throughput.total / Math.max(1, result.requests.total)),
  }
}

const lowerCased = (headers: Record<string, string>) =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
