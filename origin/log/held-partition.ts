import type { MessageRow } from '#drizzle/queries/log.ts'

/** A message as it came out of the log. */
export interface LogRecord {
  readonly offset: number
  readonly value: unknown
  readonly headers: Record<string, string> | null
}

/** A partition that a member of this process reads now. */
export interface HeldPartition {
  readonly member: string
  readonly group: string
  readonly topic: string
  readonly partition: number
  /** The next offset to fetch. */
  position: number
  /** The next offset to commit: everything below it is handled. */
  handled: number
  /** What the database knows of `handled`. */
  committed: number
  /** Fetched, not yet handled; the first ones may be in handlers' hands. */
  readonly queue: LogRecord[]
  /** There may be messages at `position`. */
  behind: boolean
  /** Resolves when the handler at work is done. */
  working: Promise<void> | null
  /** Aborted when the partition is given up or lost: nothing new is started. */
  readonly over: AbortController
}

export const placeName = (topic: string, partition: number) => `${topic}/${partition}`
/** A member at a place. */
export const readerName = (member: string, topic: string, partition: number) =>
  `${member} ${placeName(topic, partition)}`

export function holdPartition(
  place: { member: string; group: string; topic: string; partition: number },
  offset: number,
): HeldPartition {
  return {
    ...place,
    position: offset,
    handled: offset,
    committed: offset,
    queue: [],
    behind: true,
    working: null,
    over: new AbortController(),
  }
}

/** Takes fetched rows in; those that the partition has already are left out. */
export function enqueue(held: HeldPartition, rows: readonly MessageRow[]): void {
  for (const row of rows) {
    const offset = Number(row.offset)
    if (offset < held.position) continue
    held.queue.push({ offset, value: row.value, headers: row.headers })
    held.position = offset + 1
  }
}
