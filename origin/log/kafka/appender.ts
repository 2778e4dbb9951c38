/**
 * Appends in turns: what arrives while one is under way goes together in the next, so that under load many events share a
 * round trip and nobody waits when the log is idle. One turn at a time also keeps the order of a process's events.
 */
import type { OutgoingRecord } from './client.ts'

/** Beside key, value and headers: attributes, deltas, lengths. Generous. */
const RECORD_OVERHEAD_BYTES = 100
/** A turn's records of one partition are one batch, and brokers take 1,048,588 bytes of it by default. */
const BYTES_PER_PARTITION = 1_040_000
const BYTES_PER_TURN = 8_388_608

interface Waiting {
  record: OutgoingRecord
  bytes: number
  resolve(): void
  reject(error: unknown): void
}

export interface Appender {
  /** Resolves when all records are durable. When the broker cannot be reached, everybody who waits is told at once. */
  append(records: readonly OutgoingRecord[]): Promise<void>
  /** Resolves when nothing is under way any more. */
  idle(): Promise<void>
}

export function createAppender(write: (records: readonly OutgoingRecord[]) => Promise<void>): Appender {
  let waiting: Waiting[] = []
  let running: Promise<void> | null = null

  async function run(): Promise<void> {
    // Callers of the same turn of the event loop go together from the start.
    await Promise.resolve()
    while (waiting.length > 0) {
      const turn = waiting.slice(0, turnLength(waiting))
      waiting = waiting.slice(turn.length)
      try {
        await write(turn.map(({ record }) => record))
        for (const { resolve } of turn) resolve()
      } catch (error) {
        // Each turn would wait as long for the same answer.
        for (const { reject } of [...turn, ...waiting.splice(0)]) reject(error)
      }
    }
    running = null
  }

  const one = (record: OutgoingRecord) =>
    new Promise<void>((resolve, reject) => {
      waiting.push({ record, bytes: sizeOf(record), resolve, reject })
    })

  return {
    async append(records) {
      if (records.length === 0) return
      const all = records.map(one)
      running ??= run()
      await Promise.all(all)
    },
    idle: async () => void (await running),
  }
}

/** How many of those who wait go together. The rest stays in order: nothing overtakes within a partition. */
function turnLength(waiting: readonly Waiting[]): number {
  const perPartition = new Map<string, number>()
  let total = 0
  for (const [index, { record, bytes }] of waiting.entries()) {
    const place = `${record.topic}/${record.partition}`
    const here = (perPartition.get(place) ?? 0) + bytes
    total += bytes
    if (index > 0 && (here > BYTES_PER_PARTITION || total > BYTES_PER_TURN)) return index
    perPartition.set(place, here)
  }
  return waiting.length
}

function sizeOf({ key, value, headers }: OutgoingRecord): number {
  const texts = [key, value, ...Object.entries(headers).flat()]
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), RECORD_OVERHEAD_BYTES)
}
