/** Reads Kafka from an instant on, outside of all groups. */
import type { EventsOf, TidelineEvent, Topic } from '#core/events.ts'
import { knownEvents } from '../since.ts'
import { type KafkaClient, placeKey } from './client.ts'
import type { BrokerNames } from './names.ts'
import { parseValue } from './values.ts'

/** What was appended until now: what comes meanwhile is left to those who follow the log. */
export async function* eventsSince<T extends Topic>(
  { client, names }: { client: KafkaClient; names: BrokerNames },
  topics: readonly T[],
  sinceMs: number,
): AsyncGenerator<TidelineEvent<EventsOf<T>>[]> {
  const wanted = topics.map(names.topic)
  const ends = new Map((await client.bounds(wanted)).map((bound) => [placeKey(bound), bound.next]))
  for (const place of await client.offsetsAt(wanted, sinceMs)) {
    const end = ends.get(placeKey(place)) ?? 0
    for (let { offset } = place; offset < end; ) {
      const records = await client.read({ ...place, offset })
      const last = records.at(-1)
      if (last === undefined) break
      yield knownEvents(records.filter((record) => record.offset < end).map(({ value }) => parseValue(value)))
      offset = last.offset + 1
    }
  }
}
