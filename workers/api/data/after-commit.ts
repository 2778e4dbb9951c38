/**
 * What a write does between its commit and its answer: Redis, so that people see at once what they did. Postgres has the
 * truth and the event repeats the effect, so a Redis that is away never fails the write.
 */
import type { TidelineEvent } from '#core/events.ts'
import type { Command } from '#core/redis.ts'
import type { AppContext } from '../context.ts'

/** Sends the commands and waits for them; a failure goes to the log. Answers whether Redis took them. */
export async function applyToRedis(c: AppContext, commands: readonly Command[]): Promise<boolean> {
  if (commands.length === 0) return true
  try {
    await c.get('services').redis.pipeline(commands)
    return true
  } catch (error) {
    logFault(c, 'redis-after-commit', error)
    return false
  }
}

/** Sends committed events to the queue after the answer. Their outbox rows are the safety net. */
export function enqueue(c: AppContext, events: readonly TidelineEvent[]): void {
  if (events.length === 0) return
  const sending = c
    .get('services')
    .queues.publish(events)
    .catch((error: unknown) => logFault(c, 'event-queue', error))
  c.executionCtx.waitUntil(sending)
}

/** One JSON line: which part of a request failed without failing the request. */
export function logFault(c: AppContext, stage: string, error: unknown): void {
  const text = error instanceof Error ? `${error.name}: ${error.message.slice(0, 200)}` : String(error)
  console.log(JSON.stringify({ level: 'warn', msg: 'stage failed', stage, ...c.get('trace'), error: text }))
}
