/**
 * Many people who open their feeds at a steady pace, however slowly or badly it answers (an open loop), and pictures in between;
 * what each read got, as counts to judge an outage by and as a timeline to read.
 */
import type { RowOfReads } from '../../../ops/fault-report.ts'
import type { Fetch, Person } from '../../e2e/person.ts'
import { countFeed, countPicture, emptyRow, openFeed, openPicture } from './reads.ts'
import { createTimeline } from './timeline.ts'

/** After so many feeds a picture is opened. */
const PER_PICTURE = 10
const TICK_MS = 20
const MODES = ['following', 'ranked']

export interface ReadOptions {
  row: string
  /** Feeds a second, over all readers. */
  perSecond: number
  readers: readonly Person[]
  /** Addresses of pictures that were opened before. */
  pictures: readonly string[]
  fetch: Fetch
  /** Answers that this outage promises: `200`, `200 redis`, `200 stale` … */
  served: RegExp
  /** How many deletions of posts the load has begun. */
  deletions(): number
  /** Whether the machine is too busy for a word about how fast, or where from, an answer comes. */
  isBusy(): boolean
}

export interface Readers {
  /** Writes a word into the timeline. */
  mark(text: string): void
  /** Feeds opened and answered so far. */
  count(): number
  /** Waits for what is open. */
  stop(): Promise<RowOfReads>
  /** Every kind of answer so far: `200`, `200 redis`, `503` …; `0` without one in time. */
  readonly answers: ReadonlySet<string>
  /** As it stands now, a line each. */
  told(): string
}

export function startReaders(options: ReadOptions): Readers {
  const { pictures, perSecond } = options
  const began = performance.now()
  const now = () => Math.round(performance.now() - began)
  const tally = emptyRow(options.row)
  const timeline = createTimeline()
  const { readFeed, readPicture } = readsOf(options, { tally, timeline, now })
  const open = new Set<Promise<void>>()
  let begun = 0
  const begin = (work: Promise<void>) => {
    const done = work.finally(() => open.delete(done))
    open.add(done)
  }
  const timer = setInterval(() => {
    for (const due = ((performance.now() - began) / 1_000) * perSecond; begun < due; begun++) {
      begin(readFeed(begun))
      if (begun % PER_PICTURE === 0) begin(readPicture(pictures[(begun / PER_PICTURE) % pictures.length]))
    }
  }, TICK_MS)
  return {
    mark: (text) => timeline.mark(now(), text),
    count: () => tally.reads,
    async stop() {
      clearInterval(timer)
      await Promise.all(open)
      return tally
    },
    answers: timeline.answers,
    told: timeline.told,
  }
}

interface Notes {
  tally: ReturnType<typeof emptyRow>
  timeline: ReturnType<typeof createTimeline>
  /** Milliseconds since the beginning. */
  now(): number
}

/** One read of each kind, noted when it is answered. */
function readsOf({ readers, fetch, served, deletions, isBusy }: ReadOptions, { tally, timeline, now }: Notes) {
  const timed = async (read: () => Promise<string>, count: (answer: string, isExcusable: boolean) => void) => {
    const fromMs = now()
    const answer = await read()
    const toMs = now()
    timeline.note({ fromMs, toMs, reads: 1, slowestMs: toMs - fromMs, answer })
    count(answer, isBusy())
    return toMs - fromMs
  }
  return {
    async readFeed(n: number): Promise<void> {
      const reader = readers[n % readers.length]
      if (reader === undefined) return
      // Each reader in each mode, one round after the other.
      const mode = MODES[Math.floor(n / readers.length) % MODES.length] ?? 'following'
      const took = await timed(
        () => openFeed(fetch, reader, mode, deletions()),
        (answer, isExcusable) => countFeed(tally, answer, served, isExcusable),
      )
      tally.slowestMs = Math.max(tally.slowestMs, took)
    },
    async readPicture(url: string | undefined): Promise<void> {
      if (url === undefined) return
      await timed(
        () => openPicture(fetch, url),
        (answer, isExcusable) => countPicture(tally, answer, isExcusable),
      )
    },
  }
}
