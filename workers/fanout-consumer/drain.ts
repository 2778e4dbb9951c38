/**
 * Draining one batch: every message is acknowledged or retried explicitly and by itself. What is neither would be
 * acknowledged by the platform when the handler returns, so nothing here returns early.
 */
import type { Random } from '#core/ids.ts'
import { type IngestQueue, RETRIES_EXHAUSTED } from '#core/origin-api.ts'
import type { Origin } from './origin.ts'
import { retryDelaySeconds } from './retry-delay.ts'

export interface DrainOptions {
  origin: Origin
  random: Random
  /** One line an incident, as JSON. */
  log(line: Record<string, unknown>): void
}

/** Hands a batch of events or deferred writes to the origin. */
export async function drain(queue: IngestQueue, batch: MessageBatch, options: DrainOptions): Promise<void> {
  const { origin, random, log } = options
  const messages = batch.messages.map(({ id, attempts, body }) => ({ id, attempts, body: asJson(body) }))
  const outcomes = new Map<string, 'done' | 'retry' | 'dead'>()
  try {
    const { results } = await origin.ingest({ queue, messages })
    for (const { id, outcome, reason } of results) {
      outcomes.set(id, outcome)
      if (outcome !== 'done')
        log({ level: outcome === 'dead' ? 'error' : 'warn', queue, messageId: id, outcome, reason })
    }
  } catch (error) {
    log({ level: 'warn', queue, messages: messages.length, outcome: 'retry', reason: String(error) })
  }
  for (const message of batch.messages) {
    const outcome = outcomes.get(message.id)
    // The origin calls a message dead once it has stored it with the reason: the queue's part is over.
    if (outcome === 'done' || outcome === 'dead') message.ack()
    else message.retry({ delaySeconds: retryDelaySeconds(message.attempts, random) })
  }
}

/** Brings messages that the queues gave up on into the origin's storage. */
export async function buryBatch(queue: IngestQueue, batch: MessageBatch, options: DrainOptions): Promise<void> {
  const { origin, random, log } = options
  const letters = batch.messages.map(({ id, attempts, body }) => ({
    id,
    attempts,
    reason: RETRIES_EXHAUSTED,
    body: asJson(body),
  }))
  try {
    await origin.bury({ queue, letters })
    batch.ackAll()
  } catch (error) {
    log({ level: 'error', queue: batch.queue, messages: letters.length, outcome: 'retry', reason: String(error) })
    for (const message of batch.messages) {
      message.retry({ delaySeconds: retryDelaySeconds(message.attempts, random) })
    }
  }
}

/** A body may be anything that was sent as v8; what JSON cannot say goes as text, and the origin lays it aside. */
function asJson(body: unknown): unknown {
  try {
    return JSON.stringify(body) === undefined ? String(body) : body
  } catch {
    return String(body)
  }
}
