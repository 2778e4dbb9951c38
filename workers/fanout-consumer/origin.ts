/** The origin as this Worker needs it: two calls, each a batch. */
import {
  type DeadLettersRequest,
  type IngestRequest,
  type IngestResponse,
  ingestResponse,
  REQUEST_ID_HEADER,
} from '#core/origin-api.ts'

export interface Origin {
  /**
   * Hands messages over; each gets an outcome of its own.
   * @throws Error when the origin is away, refuses the batch or answers something else: all of it is to be tried again
   */
  ingest(request: IngestRequest): Promise<IngestResponse>
  /** Stores dead letters. Throws as `ingest` does. */
  bury(request: DeadLettersRequest): Promise<void>
}

/** Milliseconds for a batch of a hundred: longer than any that works, shorter than a stalled connection. */
const TIMEOUT_MS = 15_000

export function originClient(url: string, serviceToken: string, timeoutMs = TIMEOUT_MS): Origin {
  async function post(method: string, body: unknown): Promise<unknown> {
    const response = await fetch(`${url.replace(/\/$/, '')}/internal/${method}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${serviceToken}`,
        'content-type': 'application/json',
        [REQUEST_ID_HEADER]: crypto.randomUUID(),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (!response.ok) {
      await response.body?.cancel()
      throw new Error(`the origin answered ${response.status} to ${method}`)
    }
    return response.json()
  }
  return {
    ingest: async (request) => ingestResponse.parse(await post('ingest', request)),
    bury: async (request) => void (await post('dead-letters', request)),
  }
}
