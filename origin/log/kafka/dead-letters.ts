/**
 * Dead letters on Kafka. A topic's letters lie in one partition of `<topic>.dlq`, and lie there for as long as they wait: a
 * replay appends them to their topic again, and deletes. There is no other memory of what has been replayed.
 */
import type { Topic } from '#core/events.ts'
import type { DeadLetter } from '../../event-log.ts'
import { readLetter } from '../letter.ts'
import { partitionOf } from '../partitioner.ts'
import { REPLAY_FOR } from '../processor.ts'
import type { IncomingRecord, KafkaClient, OutgoingRecord } from './client.ts'
import type { BrokerNames } from './names.ts'
import { parseValue } from './values.ts'

export interface LettersOptions {
  client: KafkaClient
  names: BrokerNames
  partitions(topic: Topic): number
  append(records: readonly OutgoingRecord[]): Promise<void>
}

export interface Letters {
  read(topic: Topic, limit: number): Promise<DeadLetter[]>
  replay(topic: Topic, group: string | null): Promise<number>
}

export function createLetters(options: LettersOptions): Letters {
  return {
    read: (topic, limit) => readLetters(options, topic, limit),
    replay: (topic, group) => replayLetters(options, topic, group),
  }
}

/** The letters that wait now, in pages; `next` is where the page after them begins. */
async function* pages(
  { client, names }: LettersOptions,
  topic: Topic,
): AsyncGenerator<{ records: IncomingRecord[]; next: number }> {
  const name = names.letters(topic)
  const [bounds] = await client.bounds([name])
  const end = bounds?.next ?? 0
  for (let offset = bounds?.first ?? 0; offset < end; ) {
    const found = await client.read({ topic: name, partition: 0, offset })
    const last = found.at(-1)
    if (last === undefined) return
    offset = last.offset + 1
    yield { records: found.filter((record) => record.offset < end), next: Math.min(offset, end) }
  }
}

async function readLetters(options: LettersOptions, topic: Topic, limit: number): Promise<DeadLetter[]> {
  const letters: DeadLetter[] = []
  for await (const { records } of pages(options, topic)) {
    letters.push(...records.map(({ value, headers }) => readLetter(topic, 0, headers, parseValue(value))))
    if (letters.length >= limit) break
  }
  return letters.slice(0, limit)
}

async function replayLetters(options: LettersOptions, topic: Topic, group: string | null): Promise<number> {
  const { client, names, append } = options
  let replayed = 0
  let others: IncomingRecord[] = []
  for await (const { records, next } of pages(options, topic)) {
    const chosen = records.filter(({ headers }) => group === null || headers.group === group)
    others.push(...records.filter((record) => !chosen.includes(record)))
    // While nothing is chosen nothing moves.
    if (chosen.length === 0) continue
    // In this order a crash repeats letters and loses none.
    await append([
      ...chosen.map((record) => again(options, topic, record)),
      ...others.map((record) => back(names, topic, record)),
    ])
    await client.trim([{ topic: names.letters(topic), partition: 0, offset: next }])
    replayed += chosen.length
    others = []
  }
  return replayed
}

function again(
  { names, partitions }: LettersOptions,
  topic: Topic,
  { key, value, headers }: IncomingRecord,
): OutgoingRecord {
  return {
    topic: names.topic(topic),
    partition: partitionOf(key ?? '', partitions(topic)),
    key: key ?? '',
    value: value ?? '',
    headers: { [REPLAY_FOR]: headers.group ?? '' },
  }
}

/** One group's replay meets the letters of others: they go to the end, where they wait on. */
function back(names: BrokerNames, topic: Topic, { key, value, headers }: IncomingRecord): OutgoingRecord {
  return { topic: names.letters(topic), partition: 0, key: key ?? '', value: value ?? '', headers }
}
