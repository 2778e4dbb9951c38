/** Gives dead letters another chance: by command, and by itself once the outage that killed them is over. */
import { z } from 'zod'
import { EVENT_TYPES, type Topic, topicOf } from '#core/events.ts'
import { type IngestQueue, RETRIES_EXHAUSTED } from '#core/origin-api.ts'
import type { OperableEventLog } from '../event-log.ts'
import type { RequestContext } from '../internal-api.ts'
import type { DeadLetterStore, Letter } from './dead-letters.ts'
import type { IngestService } from './service.ts'

/** Times that recovery tries an exhausted message by itself; each counts as many tries as the queue had made. */
const RECOVERY_ATTEMPTS = 1_000
const LETTERS_A_TURN = 100

const topics = [...new Set(EVENT_TYPES.map(topicOf))] as [Topic, ...Topic[]]

/** An edge queue's dead letters, those of a topic of the log, of all groups or of one, or the media jobs that were given up. */
export const replayRequest = z.union([
  z.strictObject({ queue: z.enum(['events', 'deferred-writes']) }),
  z.strictObject({ topic: z.enum(topics), group: z.string().min(1).optional() }),
  z.strictObject({ jobs: z.literal('media') }),
])
type ReplayRequest = z.infer<typeof replayRequest>

interface ReplayDependencies {
  ingest: IngestService['ingest']
  deadLetters: DeadLetterStore
  log: OperableEventLog
  /** Queues media jobs anew that were given up. @returns how many */
  reviveMediaJobs(): Promise<number>
}

export interface Replay {
  /** Answers how many were applied, and how many are dead again or still waiting. */
  replay(request: ReplayRequest, context: RequestContext): Promise<{ replayed: number; left: number }>
  recover(context: RequestContext): Promise<number>
}

export function createReplay({ ingest, deadLetters, log, reviveMediaJobs }: ReplayDependencies): Replay {
  /** Letters are tried once a command: those that fail again stay, and end the turn. */
  async function replayQueue(queue: IngestQueue, letters: readonly Letter[], context: RequestContext) {
    const messages = letters.map(({ id, body, attempts }) => ({ id, body, attempts }))
    const { results } = await ingest({ queue, messages }, context)
    const done = results.filter(({ outcome }) => outcome === 'done').map(({ id }) => id)
    await deadLetters.replayed(queue, done)
    return { replayed: done.length, left: letters.length - done.length }
  }

  async function replayAll(
    queue: IngestQueue,
    context: RequestContext,
    only?: { reason: string; maxAttempts: number },
  ) {
    const total = { replayed: 0, left: 0 }
    // A turn that leaves some behind would meet them first again.
    for (let more = true; more; ) {
      const letters = await deadLetters.waiting(queue, LETTERS_A_TURN, only)
      if (letters.length === 0) break
      const { replayed, left } = await replayQueue(queue, letters, context)
      total.replayed += replayed
      total.left = left
      more = left === 0 && letters.length === LETTERS_A_TURN
    }
    return total
  }

  return {
    async replay(request, context) {
      if ('queue' in request) return replayAll(request.queue, context)
      if ('jobs' in request) return { replayed: await reviveMediaJobs(), left: 0 }
      return { replayed: await log.replayDeadLetters(request.topic, request.group), left: 0 }
    },
    async recover(context) {
      const only = { reason: RETRIES_EXHAUSTED, maxAttempts: RECOVERY_ATTEMPTS }
      const events = await replayAll('events', context, only)
      const writes = await replayAll('deferred-writes', context, only)
      return events.replayed + writes.replayed
    },
  }
}
