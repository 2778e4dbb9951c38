/** Commits places in batches: at-least-once allows a moment between the effect and its commit. */
import type { Database } from '#drizzle/database.ts'
import { commitOffsets } from '#drizzle/queries/log.ts'
import type { Logger } from '../observe/logger.ts'
import { type HeldPartition, placeName } from './held-partition.ts'

export interface Committer {
  /** The partition's `handled` has moved. */
  mark(held: HeldPartition): void
  /** Commits everything marked now, with `released` given up in the same statement. Throws when the database is away. */
  flush(released?: readonly HeldPartition[]): Promise<void>
  close(): void
}

interface CommitterOptions {
  database: Database
  /** Milliseconds that commits may be gathered. */
  gatherMs: number
  /** These partitions have been taken over by other members. */
  lost(held: readonly HeldPartition[]): void
  logger: Logger
}

export function createCommitter({ database, gatherMs, lost, logger }: CommitterOptions): Committer {
  const dirty = new Set<HeldPartition>()
  let timer: NodeJS.Timeout | null = null
  let flushing: Promise<void> = Promise.resolve()

  async function commit(released: readonly HeldPartition[]): Promise<void> {
    const chosen = [...new Set([...dirty, ...released])]
    if (chosen.length === 0) return
    dirty.clear()
    const commits = chosen.map((held) => commitOf(held, released.includes(held)))
    try {
      const kept = new Set((await database.query<GroupPlace>(commitOffsets(commits))).map(groupPlaceName))
      for (const [index, held] of chosen.entries()) {
        if (kept.has(groupPlaceName(held))) held.committed = Math.max(held.committed, commits[index]!.offset)
      }
      lost(chosen.filter((held) => !kept.has(groupPlaceName(held))))
    } catch (error) {
      for (const held of chosen) if (held.handled > held.committed) dirty.add(held)
      throw error
    }
  }

  const flush = (released: readonly HeldPartition[] = []): Promise<void> => {
    const turn = flushing.then(() => commit(released))
    flushing = turn.catch(() => {})
    return turn
  }

  function schedule(ms: number): void {
    timer ??= setTimeout(() => {
      timer = null
      flush().catch((error: unknown) => {
        logger.warn({ err: error }, 'offsets could not be committed; trying again')
        schedule(1_000)
      })
    }, ms)
  }

  return {
    mark(held) {
      dirty.add(held)
      schedule(gatherMs)
    },
    flush,
    close() {
      if (timer) clearTimeout(timer)
      timer = null
    },
  }
}

type GroupPlace = Pick<HeldPartition, 'group' | 'topic' | 'partition'>

const groupPlaceName = ({ group, topic, partition }: GroupPlace) => `${group} ${placeName(topic, partition)}`

function commitOf(held: HeldPartition, release: boolean) {
  const { group, topic, partition, member, handled } = held
  return { group, topic, partition, member, offset: handled, release }
}
