import type { IngestQueue } from '#core/origin-api.ts'
import type { Database } from '#drizzle/database.ts'
import {
  type DeadLetterRow,
  markReplayed,
  type NewDeadLetter,
  storeDeadLetters,
  waitingDeadLetters,
} from '#drizzle/queries/dead-letters.ts'

/** Where a letter comes from: an edge queue, or the outbox when a row turns out to be no event. */
export type LetterQueue = IngestQueue | 'outbox'

export interface Letter {
  id: string
  body: unknown
  reason: string
  attempts: number
}

export interface DeadLetterStore {
  /** Keeps letters until they are replayed; the same letter again is the same row. */
  store(queue: LetterQueue, letters: readonly Letter[]): Promise<void>
  /**
   * Letters that wait, oldest first.
   * @param only letters whose reason starts so and that were tried at most so often
   */
  waiting(queue: LetterQueue, limit: number, only?: { reason: string; maxAttempts: number }): Promise<Letter[]>
  replayed(queue: LetterQueue, ids: readonly string[]): Promise<void>
}

/** PostgreSQL's text cannot hold NUL, wherever a client may have put one. */
const storable = (text: string) => text.replaceAll('\0', '\uFFFD')

export function postgresDeadLetters(database: Database): DeadLetterStore {
  return {
    async store(queue, letters) {
      if (letters.length === 0) return
      const rows: NewDeadLetter[] = letters.map(({ id, body, reason, attempts }) => ({
        messageId: storable(id),
        body: JSON.stringify(body ?? null),
        reason: storable(reason),
        attempts,
      }))
      await database.query(storeDeadLetters(queue, rows))
    },
    async waiting(queue, limit, only = { reason: '', maxAttempts: 2 ** 31 - 1 }) {
      const rows = await database.query<DeadLetterRow>(
        waitingDeadLetters(queue, `${only.reason}%`, only.maxAttempts, limit),
      )
      return rows.map((row) => ({
        id: row.message_id,
        body: JSON.parse(row.body) as unknown,
        reason: row.reason,
        attempts: row.attempts,
      }))
    },
    async replayed(queue, ids) {
      if (ids.length > 0) await database.query(markReplayed(queue, ids))
    },
  }
}
