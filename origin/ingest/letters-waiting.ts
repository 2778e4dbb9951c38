/** How many dead letters of the edge queues and the outbox wait for a replay: the alert DeadLetters is about them. */
import type { Database } from '#drizzle/database.ts'
import { countWaitingDeadLetters } from '#drizzle/queries/dead-letters.ts'
import type { Metrics } from '../observe/metrics.ts'
import type { LetterQueue } from './dead-letters.ts'

const QUEUES: readonly LetterQueue[] = ['events', 'deferred-writes', 'outbox']

/**
 * Each look sets the gauge to what the database says now.
 * @param database the directory, which holds the letters of all
 */
export function lettersWaiting(database: Database, metrics: Metrics): () => Promise<void> {
  const letters = metrics.gauge('dead_letters', 'Dead letters that wait for a replay, by queue', ['queue'])
  return async () => {
    const rows = await database.query<{ queue: string; letters: number }>(countWaitingDeadLetters())
    const waiting = new Map(rows.map((row) => [row.queue, row.letters]))
    for (const queue of QUEUES) letters.set({ queue }, waiting.get(queue) ?? 0)
  }
}
