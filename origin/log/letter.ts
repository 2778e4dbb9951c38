/** A dead letter's headers: what is known of an event that a group gave up. The same on every engine. */
import type { DeadLetter } from '../event-log.ts'
import type { HeldPartition, LogRecord } from './held-partition.ts'
import type { GivenUp } from './processor.ts'

type Headers = Readonly<Record<string, string>>

/** @param time when it was given up, in Unix milliseconds */
export function letterHeaders(held: HeldPartition, record: LogRecord, why: GivenUp, time: number) {
  return {
    reason: why.reason,
    attempts: String(why.attempts),
    group: held.group,
    partition: String(held.partition),
    offset: String(record.offset),
    time: String(time),
  }
}

/** @param partition where the letter lies, for one that does not say where its event stood */
export function readLetter(topic: string, partition: number, headers: Headers | null, event: unknown): DeadLetter {
  return {
    topic,
    partition: Number(headers?.partition ?? partition),
    offset: Number(headers?.offset ?? -1),
    group: headers?.group ?? '',
    reason: headers?.reason ?? '',
    attempts: Number(headers?.attempts ?? 0),
    time: Number(headers?.time ?? 0),
    event,
  }
}
