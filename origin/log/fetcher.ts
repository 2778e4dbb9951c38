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

/** One stretch of a partition to be read, and those who stand at its beginning. */
interface SharedWindow extends Window {
  readers: HeldPartition[]
}

export function createFetcher(options: FetcherOptions): Fetcher {
  return new PollingFetcher(options)
}

class PollingFetcher implements Fetcher {
  readonly #options: FetcherOptions
  #running: Promise<void> | null = null
  #isStopped = false
  #timer: NodeJS.Timeout | null = null
  #pauseMs: number
  /** A new turn begins where the last ended, so that many busy partitions are all served. */
  #turn = 0
  #hasFailed = false

  constructor(options: FetcherOptions) {
    this.#options = options
    this.#pauseMs = options.poll.minMs
  }

  wake(places?: Iterable<string>): void {
    const { registry } = this.#options
    if (places === undefined) for (const held of registry.all()) held.behind = true
    else for (const place of places) for (const held of registry.at(place)) held.behind = true
    this.#start()
  }

  resume(held: HeldPartition): void {
    if (held.behind && held.queue.length < QUEUE_LOW) this.#start()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    if (this.#timer) clearTimeout(this.#timer)
    await this.#running
  }

  #start(): void {
    if (this.#running || this.#isStopped) return
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
    this.#running = this.#run().finally(() => {
      this.#running = null
      // Woken between the last look and here.
      if (!this.#hasFailed && this.#choose().length > 0) this.#start()
    })
  }

  #schedule(ms: number): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.wake()
    }, ms)
  }

  async #run(): Promise<void> {
    const { poll, logger } = this.#options
    try {
      for (let chosen = this.#choose(); chosen.length > 0 && !this.#isStopped; chosen = this.#choose()) {
        if ((await this.#fetch(chosen)) > 0) this.#pauseMs = poll.minMs
      }
      this.#hasFailed = false
      this.#schedule(this.#pauseMs)
      this.#pauseMs = Math.min(poll.maxMs, this.#pauseMs * 2)
    } catch (error) {
      logger.warn({ err: error }, 'the log could not be read; trying again')
      this.#hasFailed = true
      this.#schedule(RETRY_MS)
    }
  }

  #choose(): HeldPartition[] {
    const ready = [...this.#options.registry.all()].filter((held) => held.behind && held.queue.length < QUEUE_LOW)
    if (ready.length <= WINDOWS_PER_FETCH) return ready
    const first = this.#turn % ready.length
    this.#turn = first + WINDOWS_PER_FETCH
    return [...ready.slice(first), ...ready.slice(0, first)].slice(0, WINDOWS_PER_FETCH)
  }

  /** Answers how many messages came. */
  async #fetch(chosen: readonly HeldPartition[]): Promise<number> {
    // Cleared before the statement: an append during it says so again.
    for (const held of chosen) held.behind = false
    const windows = windowsOf(chosen)
    const limit = Math.max(8, Math.min(MESSAGES_PER_WINDOW, Math.floor(MESSAGES_PER_FETCH / windows.length)))
    const asked = windows.map(({ topic, partition, from }) => ({ topic, partition, from }))
    try {
      const rows = await this.#options.database.query<MessageRow>(readMessages(asked, limit))
      const byPlace = Map.groupBy(rows, (row) => placeName(row.topic, row.partition))
      for (const { topic, partition, readers } of windows) {
        const here = byPlace.get(placeName(topic, partition)) ?? []
        for (const held of readers) this.#deliver(held, here, limit)
      }
      return rows.length
    } catch (error) {
      for (const held of chosen) held.behind = true
      throw error
    }
  }

  #deliver(held: HeldPartition, rows: readonly MessageRow[], limit: number): void {
    if (rows.length >= limit) held.behind = true
    if (rows.length === 0 || held.over.signal.aborted) return
    enqueue(held, rows)
    this.#options.arrived(held)
  }
}

/** Groups that stand at the same place of a partition share one window. */
function windowsOf(chosen: readonly HeldPartition[]): SharedWindow[] {
  const byStart = Map.groupBy(chosen, (held) => `${placeName(held.topic, held.partition)}/${held.position}`)
  return [...byStart.values()].map((readers) => {
    const { topic, partition, position } = readers[0]!
    return { topic, partition, from: position, readers }
  })
}
