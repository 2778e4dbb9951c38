/** Reads the embedded log from an instant on, outside of all groups. */
import { type EventsOf, parseEvent, type TidelineEvent, type Topic } from '#core/events.ts'
import type { Database } from '#drizzle/database.ts'
import { type MessageRow, readMessages, type StretchRow, stretchesSince } from '#drizzle/queries/log.ts'

const MESSAGES_A_PARTITION = 128

/** What was appended until now: what comes meanwhile is left to those who follow the log. */
export async function* eventsSince<T extends Topic>(
  database: Database,
  topics: readonly T[],
  sinceMs: number,
): AsyncGenerator<TidelineEvent<EventsOf<T>>[]> {
  const rows = await database.query<StretchRow>(stretchesSince(topics, new Date(sinceMs)))
  let stretches = rows.map(({ from, last, ...place }) => ({ ...place, from: Number(from), last: Number(last) }))
  while (stretches.length > 0) {
    const found = await database.query<MessageRow>(readMessages(stretches, MESSAGES_A_PARTITION))
    const wanted: MessageRow[] = []
    stretches = stretches.flatMap((stretch) => {
      const own = found.filter(({ topic, partition }) => topic === stretch.topic && partition === stretch.partition)
      wanted.push(...own.filter(({ offset }) => Number(offset) <= stretch.last))
      const next = own.at(-1)
      // Retention may have taken what was there a moment ago.
      if (next === undefined || Number(next.offset) >= stretch.last) return []
      return [{ ...stretch, from: Number(next.offset) + 1 }]
    })
    if (wanted.length > 0) yield knownEvents(wanted.map(({ value }) => value))
  }
}

/** Those that are events we know. */
export const knownEvents = <T extends Topic>(values: readonly unknown[]): TidelineEvent<EventsOf<T>>[] =>
  values.flatMap((value) => {
    try {
      return [parseEvent(value) as TidelineEvent<EventsOf<T>>]
    } catch {
      return []
    }
  })
