/**
 * Appends in turns (origin/group-commit.ts), each of as much as a broker takes at once. One turn at a time also keeps the order of a
 * process's events.
 */
import { createGroupCommit } from '../../group-commit.ts'
import type { OutgoingRecord } from './client.ts'

/** Beside key, value and headers: attributes, deltas, lengths. Generous. */
const RECORD_OVERHEAD_BYTES = 100
/** A turn's records of one partition are one batch, and brokers take 1,048,588 bytes of it by default. */
const BYTES_PER_PARTITION = 1_040_000
const BYTES_PER_TURN = 8_388_608

export interface Appender {
  /** Resolves when all records are durable. When the broker cannot be reached, everybody who waits is told at once. */
  append(records: readonly OutgoingRecord[]): Promise<void>
  /** Resolves when nothing is under way any more. */
  idle(): Promise<void>
}

export function createAppender(write: (records: readonly OutgoingRecord[]) => Promise<void>): Appender {
  const turns = createGroupCommit(
    async (records: readonly OutgoingRecord[]) => {
      await write(records)
      return []
    },
    () => false,
    { room: turnOfBytes, failsWaiting: true },
  )
  return {
    async append(records) {
      // Each by itself: what has no room in a turn goes with the next, and nothing overtakes it.
      await Promise.all(records.map((record) => turns.append([record])))
    },
    idle: turns.idle,
  }
}

function turnOfBytes(): (records: readonly OutgoingRecord[]) => boolean {
  const perPartition = new Map<string, number>()
  let total = 0
  return (records) => {
    for (const record of records) {
      const place = `${record.topic}/${record.partition}`
      const bytes = sizeOf(record)
      const here = (perPartition.get(place) ?? 0) + bytes
      total += bytes
      perPartition.set(place, here)
      if (here > BYTES_PER_PARTITION || total > BYTES_PER_TURN) return false
    }
    return true
  }
}

function sizeOf({ key, value, headers }: OutgoingRecord): number {
  const texts = [key, value, ...Object.entries(headers).flat()]
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), RECORD_OVERHEAD_BYTES)
}
