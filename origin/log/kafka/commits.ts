/** Commits a member's places in batches: at-least-once allows a moment between the effect and its commit. */
import type { Logger } from '../../observe/logger.ts'
import { type HeldPartition, placeName } from '../held-partition.ts'
import type { Position } from './client.ts'
import { within } from './within.ts'

const COMMIT_MS = 4_000
const RETRY_MS = 1_000

export interface Commits {
  /** The partition's `handled` has moved. */
  mark(held: HeldPartition): void
  /** Commits what is marked and still held. Throws when that cannot be done. */
  flush(): Promise<void>
  close(): void
}

interface CommitsOptions {
  /** Milliseconds that commits may be gathered. */
  gatherMs: number
  /** Whether the partition is still this member's: nothing is committed for others. */
  holds(held: HeldPartition): boolean
  commit(positions: readonly Position[]): Promise<void>
  logger: Logger
}

export function createCommits({ gatherMs, holds, commit, logger }: CommitsOptions): Commits {
  const marked = new Map<string, HeldPartition>()
  let timer: NodeJS.Timeout | null = null
  let flushing: Promise<void> = Promise.resolve()

  async function flushOnce(): Promise<void> {
    const chosen = [...marked.values()].filter((held) => holds(held) && held.handled > held.committed)
    marked.clear()
    if (chosen.length === 0) return
    const positions = chosen.map(({ topic, partition, handled }) => ({ topic, partition, offset: handled }))
    try {
      await within(COMMIT_MS, 'a commit', commit(positions))
      for (const [index, held] of chosen.entries()) held.committed = positions[index]!.offset
    } catch (error) {
      for (const held of chosen) if (holds(held)) mark(held, RETRY_MS)
      throw error
    }
  }

  function flush(): Promise<void> {
    const turn = flushing.then(flushOnce)
    flushing = turn.catch(() => {})
    return turn
  }

  function mark(held: HeldPartition, afterMs = gatherMs): void {
    marked.set(placeName(held.topic, held.partition), held)
    timer ??= setTimeout(() => {
      timer = null
      flush().catch((error: unknown) => logger.warn({ err: error }, 'offsets could not be committed; trying again'))
    }, afterMs)
  }

  return {
    mark: (held) => mark(held),
    flush,
    close() {
      if (timer) clearTimeout(timer)
      timer = null
      marked.clear()
    },
  }
}
