/** The edge queues: events on their way to the log, and writes whose store was away. */
import type { Breaker } from '#core/breaker.ts'
import type { TidelineEvent } from '#core/events.ts'
import type { DeferredWrite } from '#core/origin-api.ts'
import { problems } from '#core/problem.ts'
import { inTime } from './in-time.ts'

export interface EdgeQueues {
  /** Sends events that are committed with their outbox row: a failure is only late, the sweeper publishes them. */
  publish(events: readonly TidelineEvent[]): Promise<void>
  /**
   * Keeps a write until its store is back.
   * @throws Problem 503 when the queue is away too: nothing was accepted
   */
  defer(write: DeferredWrite): Promise<void>
}

/** Cloudflare takes a hundred messages a call. */
const BATCH = 100

/** Milliseconds. A queue takes a message in tens of them; whoever writes has waited for a store before. */
const SEND_MS = 2_000

/** @param breaker of both: they are one service */
export function edgeQueues(events: Queue, deferredWrites: Queue, breaker: Breaker): EdgeQueues {
  const sent = async (send: () => Promise<unknown>): Promise<void> => {
    if (!breaker.allows()) throw new Error('the queue has not answered lately and is left alone for a moment')
    try {
      const answer = await inTime(
        send().then(() => true),
        SEND_MS,
      )
      if (answer === null) throw new Error(`the queue did not answer within ${SEND_MS} ms`)
    } catch (error) {
      breaker.failed()
      throw error
    }
    breaker.succeeded()
  }
  return {
    async publish(list) {
      for (let i = 0; i < list.length; i += BATCH) {
        const batch = list.slice(i, i + BATCH).map((body) => ({ body, contentType: 'v8' as const }))
        await sent(() => events.sendBatch(batch))
      }
    },
    async defer(write) {
      try {
        await sent(() => deferredWrites.send(write, { contentType: 'v8' }))
      } catch (error) {
        throw problems.away('The store for this write', 5, error)
      }
    },
  }
}
