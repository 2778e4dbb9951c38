/** What the edge queues gave up on. */
import { type SQL, sql } from 'drizzle-orm'

export interface NewDeadLetter {
  messageId: string
  /** JSON text: kept as text, since it may hold what jsonb refuses. */
  body: string
  reason: string
  attempts: number
}

export interface DeadLetterRow {
  queue: string
  message_id: string
  body: string
  reason: string
  attempts: number
}

/** Keeps dead letters. One that comes again counts its tries on and waits for a replay again. */
export function storeDeadLetters(queue: string, letters: readonly NewDeadLetter[]): SQL {
  return sql`INSERT INTO dead_letters AS d (queue, message_id, body, reason, attempts)
    SELECT DISTINCT ON (l."messageId") ${queue}, l."messageId", l.body, l.reason, l.attempts
    FROM json_to_recordset(${JSON.stringify(letters)}::json)
      AS l ("messageId" text, body text, reason text, attempts int)
    ON CONFLICT (queue, message_id) DO UPDATE
      SET reason = excluded.reason, attempts = d.attempts + excluded.attempts, replayed_at = NULL`
}

/** Letters that wait for a replay, oldest first, after the place of the last one read. */
export function waitingDeadLetters(queue: string, reasonLike: string, maxAttempts: number, limit: number): SQL {
  return sql`SELECT queue, message_id, body, reason, attempts FROM dead_letters
    WHERE queue = ${queue} AND replayed_at IS NULL AND reason LIKE ${reasonLike} AND attempts <= ${maxAttempts}
    ORDER BY created_at, message_id LIMIT ${limit}`
}

/** How many wait in each queue that has any. */
export function countWaitingDeadLetters(): SQL {
  return sql`SELECT queue, count(*)::int AS letters FROM dead_letters WHERE replayed_at IS NULL GROUP BY queue`
}

export function markReplayed(queue: string, messageIds: readonly string[]): SQL {
  return sql`UPDATE dead_letters SET replayed_at = now() WHERE queue = ${queue}
    AND message_id IN (SELECT jsonb_array_elements_text(${JSON.stringify(messageIds)}::jsonb))`
}
