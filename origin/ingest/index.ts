/**
 * Where the edge queues end: events go into the log, deferred writes to their stores, each message judged by itself.
 * Needs the log, the outbox and the handlers of deferred writes; offers endpoints for the internal API.
 */
import { deadLettersRequest, ingestRequest } from '#core/origin-api.ts'
import type { OperableEventLog } from '../event-log.ts'
import { endpoint, type InternalEndpoint } from '../http.ts'
import { createReplay, replayRequest } from './replay-service.ts'
import { createIngestService, type IngestDependencies, type IngestService } from './service.ts'

export { type DeadLetterStore, postgresDeadLetters } from './dead-letters.ts'
export type { DeferredHandler, DeferredHandlers } from './deferred.ts'
export { deferredFromMethods } from './deferred.ts'
export { createDeferredComments } from './deferred-comments.ts'
export { createDeferredPosts } from './deferred-posts.ts'
export { lettersWaiting } from './letters-waiting.ts'

/** A hundred messages of 128 KB, the limits of the edge queues, as JSON. */
const BATCH_BYTES = 16 * 1024 * 1024

export interface Ingest extends IngestService {
  endpoints: Record<string, InternalEndpoint>
  /** Replays what died of an outage only; to be called every few minutes. Answers how many. */
  recover(): Promise<number>
}

export interface IngestOptions extends IngestDependencies {
  log: OperableEventLog
  /** Queues media jobs anew that were given up. @returns how many */
  reviveMediaJobs(): Promise<number>
}

export function createIngest(options: IngestOptions): Ingest {
  const service = createIngestService(options)
  const { deadLetters, log, reviveMediaJobs } = options
  const replay = createReplay({ ingest: service.ingest, deadLetters, log, reviveMediaJobs })
  const recover = () => replay.recover(service.backgroundContext())
  return {
    ...service,
    recover,
    endpoints: {
      '/internal/ingest': endpoint(ingestRequest, BATCH_BYTES, service.ingest),
      '/internal/dead-letters': endpoint(deadLettersRequest, BATCH_BYTES, async ({ queue, letters }) => {
        await deadLetters.store(queue, letters)
        return { stored: letters.length }
      }),
      '/internal/dead-letters/replay': endpoint(replayRequest, 10_000, replay.replay),
    },
  }
}
