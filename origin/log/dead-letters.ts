import type { Topic } from '#core/events.ts'
import type { Database } from '#drizzle/database.ts'
import { deadLettersOf, type Head, type MessageRow, replayLetters } from '#drizzle/queries/log.ts'
import type { DeadLetter } from '../event-log.ts'
import { readLetter } from './letter.ts'

/** Letters that one statement moves back. */
const LETTERS_PER_STATEMENT = 500

export async function readDeadLetters(database: Database, topic: Topic, limit: number): Promise<DeadLetter[]> {
  const rows = await database.query<MessageRow>(deadLettersOf(topic, limit))
  return rows.map(({ partition, value, headers }) => readLetter(topic, partition, headers, value))
}

/** Moves dead letters back until none is left that was there at the start, and answers how many. */
export async function replayAll(
  database: Database,
  topic: Topic,
  group: string | null,
  notifier: string | null,
  appended: (heads: readonly Head[]) => void,
): Promise<number> {
  let replayed = 0
  for (let moved = LETTERS_PER_STATEMENT; moved === LETTERS_PER_STATEMENT; ) {
    const heads = await database.query<Head & { messages: string }>(
      replayLetters(topic, group, LETTERS_PER_STATEMENT, notifier),
    )
    appended(heads)
    moved = heads.reduce((sum, head) => sum + Number(head.messages), 0)
    replayed += moved
  }
  return replayed
}
