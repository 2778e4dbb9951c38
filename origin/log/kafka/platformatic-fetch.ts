/** One fetch with @platformatic/kafka, below its streams: those cannot leave out a single partition. */
import { type Consumer, IS_CONTROL, type KafkaRecord, type RecordsBatch } from '@platformatic/kafka'
import { byTopic, FETCH, type IncomingRecord, type Place, type Position } from './client.ts'

export interface Fetched extends Place {
  records: IncomingRecord[]
  /** Where the next fetch goes on. */
  next: number
}

/** What lies at some positions, all of partitions that one broker leads; waits there while there is less than `minBytes`. */
export async function fetchRecords(
  consumer: Consumer,
  node: number,
  wanted: readonly Position[],
  { maxWaitMs, minBytes }: { maxWaitMs: number; minBytes: number },
): Promise<Fetched[]> {
  const topics = byTopic(wanted)
  const metadata = await consumer.metadata({ topics: topics.map(([topic]) => topic) })
  const names = new Map<string, string>()
  const request = topics.map(([topic, positions]) => {
    const id = metadata.topics.get(topic)?.id
    if (id === undefined) throw new Error(`${topic} is not there`)
    names.set(id, topic)
    const partitions = positions.map(({ partition, offset }) => ({
      partition,
      fetchOffset: BigInt(offset),
      currentLeaderEpoch: -1,
      lastFetchedEpoch: -1,
      partitionMaxBytes: FETCH.partitionBytes,
    }))
    return { topicId: id, partitions }
  })
  const answer = await consumer.fetch({
    node,
    topics: request,
    maxWaitTime: maxWaitMs,
    minBytes,
    maxBytes: FETCH.bytes,
  })
  return answer.responses.flatMap(({ topicId, partitions }) =>
    partitions.flatMap(({ partitionIndex, records: batches }) => {
      const topic = names.get(topicId)
      const asked = wanted.find((place) => place.topic === topic && place.partition === partitionIndex)
      // A partition that was asked for earlier may still come along.
      if (asked === undefined || !batches || batches.length === 0) return []
      const last = batches.at(-1)!
      return [
        {
          topic: asked.topic,
          partition: asked.partition,
          records: batches.flatMap(unpacked).filter(({ offset }) => offset >= asked.offset),
          next: Number(last.firstOffset) + last.lastOffsetDelta + 1,
        },
      ]
    }),
  )
}

function unpacked(batch: RecordsBatch): IncomingRecord[] {
  if (batch.attributes & IS_CONTROL) return []
  return batch.records.map((record) => incoming(record, Number(batch.firstOffset) + record.offsetDelta))
}

function incoming({ key, value, headers }: KafkaRecord, offset: number): IncomingRecord {
  const text = headers.map(([name, of]) => [name?.toString() ?? '', of?.toString() ?? ''])
  return { offset, key: key?.toString() ?? null, value: value?.toString() ?? null, headers: Object.fromEntries(text) }
}
