/**
 * Reads for all members of this process at once: one statement brings what is new in any of their partitions, and groups
 * that stand at the same place share what it brings. Woken by appends; polls with growing pauses for what it was not told.
 */
import type { Database } from '#drizzle/database.ts'
import { type MessageRow, readMessages, type Window } from '#drizzle/queries/log.ts'
import type { Logger } from '../observe/logger.ts'
import { enqueue, type HeldPartition, placeName } from './held-partition.ts'
import type { HeldRegistry } from './registry.ts'

/** Fetched ahead of the handler: enough to keep it busy for a round trip. */
const QUEUE_LOW = 32
const WINDOWS_PER_FETCH = 256
const MESSAGES_PER_FETCH = 4_096
const MESSAGES_PER_WINDOW = 128
const RETRY_MS = 500

export interface Fetcher {
  /** Says where messages were appended, as `topic/partition`; without places, that there may be some anywhere. */
  wake(places?: Iterable<string>): void
  /** A queue has room again. */
  resume(held: HeldPartition): void
  /** Resolves when no fetch is under way; none starts afterwards. */
  stop(): Promise<void>
}

interface FetcherOptions {
  database: Database
  registry: HeldRegistry
  poll: { minMs: number; maxMs: number }
  /** The partition's queue has grown. */
  arrived(held: HeldPartition): void
  logger: Logger
}

export function createFetcher({ database, registry, poll, arrived, logger }: FetcherOptions): Fetcher {
  let running: Promise<void> | null = null
  let stopped = false
  let timer: NodeJS.Timeout | null = null
  let pauseMs = poll.minMs
  // A new turn begins where the last ended, so that many busy partitions are all served.
  let turn = 0
  let failed = false

  function choose(): HeldPartition[] {
    const ready = [...registry.all()].filter((held) => held.behind && held.queue.length < QUEUE_LOW)
    if (ready.length <= WINDOWS_PER_FETCH) return ready
    const first = turn % ready.length
    turn = first + WINDOWS_PER_FETCH
    return [...ready.slice(first), ...ready.slice(0, first)].slice(0, WINDOWS_PER_FETCH)
  }

  async function fetch(chosen: readonly HeldPartition[]): Promise<number> {
    const windows = new Map<string, Window & { readers: HeldPartition[] }>()
    for (const held of chosen) {
      // Cleared before the statement: an append during it says so again.
      held.behind = false
      const { topic, partition, position: from } = held
      const key = `${placeName(topic, partition)}/${from}`
      const window = windows.get(key) ?? { topic, partition, from, readers: [] }
      window.readers.push(held)
      windows.set(key, window)
    }
    const limit = Math.max(8, Math.min(MESSAGES_PER_WINDOW, Math.floor(MESSAGES_PER_FETCH / windows.size)))
    const asked = [...windows.values()].map(({ topic, partition, from }) => ({ topic, partition, from }))
    try {
      const rows = await database.query<MessageRow>(readMessages(asked, limit))
      const byPlace = Map.groupBy(rows, (row) => placeName(row.topic, row.partition))
      for (const window of windows.values()) {
        const here = byPlace.get(placeName(window.topic, window.partition)) ?? []
        for (const held of window.readers) deliver(held, here, limit)
      }
      return rows.length
    } catch (error) {
      for (const held of chosen) held.behind = true
      throw error
    }
  }

  function deliver(held: HeldPartition, rows: readonly MessageRow[], limit: number): void {
    if (rows.length >= limit) held.behind = true
    if (rows.length === 0 || held.over.signal.aborted) return
    enqueue(held, rows)
    arrived(held)
  }

  async function run(): Promise<void> {
    try {
      for (let chosen = choose(); chosen.length > 0 && !stopped; chosen = choose()) {
        if ((await fetch(chosen)) > 0) pauseMs = poll.minMs
      }
      failed = false
      schedule(pauseMs)
      pauseMs = Math.min(poll.maxMs, pauseMs * 2)
    } catch (error) {
      logger.warn({ err: error }, 'the log could not be read; trying again')
      failed = true
      schedule(RETRY_MS)
    }
  }

  function start(): void {
    if (running || stopped) return
    if (timer) clearTimeout(timer)
    timer = null
    running = run().finally(() => {
      running = null
      // Woken between the last look and here.
      if (!failed && choose().length > 0) start()
    })
  }

  function schedule(ms: number): void {
    if (stopped) return
    timer = setTimeout(() => {
      timer = null
      wake()
    }, ms)
  }

  function wake(places?: Iterable<string>): void {
    if (places === undefined) for (const held of registry.all()) held.behind = true
    else for (const place of places) for (const held of registry.at(place)) held.behind = true
    start()
  }

  return {
    wake,
    resume(held) {
      if (held.behind && held.queue.length < QUEUE_LOW) start()
    },
    async stop() {
      stopped = true
      if (timer) clearTimeout(timer)
      await running
    },
  }
}
