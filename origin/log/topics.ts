/** Every topic of the event log, declared once for all engines: how many partitions, how long events stay, how many copies. */
import { EVENT_TYPES, type TidelineEvent, type Topic, topicOf } from '#core/events.ts'
import { Unprocessable } from '../event-log.ts'

export const LOG_TOPICS: readonly Topic[] = [...new Set(EVENT_TYPES.map(topicOf))]

export const TOPIC_SETTINGS = Object.freeze({
  /**
   * Partitions of a topic. As many processes of a tier can share its work, and within one so many handlers can be busy. A
   * key keeps its partition only while the number stays: raise it while the log is empty.
   */
  partitions: 16,
  /** The embedded log deletes nothing that a group has still to handle, so a day of looking back is enough. */
  keepHandledHours: 24,
  /** Kafka deletes by age, whoever has read it: a group may be away for a week. Dead letters stay until they are replayed. */
  keepHours: 168,
  /** Copies of each partition on Kafka, and how many must have an event before it is acknowledged: one broker may die. */
  replication: 3,
  minInsync: 2,
  /** Bytes of an event as JSON. Kafka takes 1 MiB a batch by default; the rest is for keys, headers and a letter's reason. */
  maxEventBytes: 1_000_000,
})

/** The event is larger than any engine of the log takes; it will not shrink by trying again. */
export class EventTooLarge extends Unprocessable {
  override name = 'EventTooLarge'
}

/**
 * The event as it lies in the log.
 * @throws EventTooLarge
 */
export function encodeEvent(event: TidelineEvent): string {
  const text = JSON.stringify(event)
  const bytes = Buffer.byteLength(text)
  if (bytes > TOPIC_SETTINGS.maxEventBytes) {
    const { type, id } = event
    throw new EventTooLarge(`${type} ${id} has ${bytes} bytes; the log takes ${TOPIC_SETTINGS.maxEventBytes}`)
  }
  return text
}
