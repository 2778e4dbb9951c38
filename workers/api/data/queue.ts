/** The edge queues: events on their way to the log, and writes whose store was away. */
import type { TidelineEvent } from '#core/events.ts'
import type { DeferredWrite } from '#core/origin-api.ts'
import { problems } from '#core/problem.ts'

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

export function edgeQueues(events: Queue, deferredWrites: Queue): EdgeQueues {
  return {
    async publish(list) {
      for (let i = 0; i < list.length; i += BATCH) {
        await events.sendBatch(list.slice(i, i + BATCH).map((body) => ({ body, contentType: 'v8' })))
      }
    },
    async defer(write) {
      try {
        await deferredWrites.send(write, { contentType: 'v8' })
      } catch (error) {
        throw problems.away('The store for this write', 5, error)
      }
    },
  }
}
