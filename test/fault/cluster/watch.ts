/** A reader who opens the feed again and again, and what each answer was: a timeline of an outage. */
import { setTimeout as pause } from 'node:timers/promises'
import type { FeedItem, Page, Person } from '../../e2e/person.ts'

const EVERY_MS = 200
/** One after the other. */
const MODES = ['following', 'ranked']
/** Posts that a page is asked for. */
export const PAGE = 20

/** Answers alike, one after another. */
export interface Stretch {
  /** Milliseconds from the start of the watch to the first of them. */
  fromMs: number
  toMs: number
  reads: number
  /** The longest that one of them took. */
  slowestMs: number
  /** `200`, `200 redis`, `200 stale`, `503` …; `0` without any answer. */
  answer: string
}

interface Mark {
  atMs: number
  text: string
}

export interface Watch {
  /** Writes a word into the timeline. */
  mark(text: string): void
  stop(): Promise<Stretch[]>
  /** As it stands now, a line each. */
  told(): string
}

/**
 * @param fewest items that a page must have: as many as it could have before
 * @param isBusy whether the machine is too busy for a word about where a whole page comes from
 */
export function watchFeed(reader: Person, fewest: number, isBusy: () => boolean): Watch {
  const began = performance.now()
  const now = () => Math.round(performance.now() - began)
  const stretches: Stretch[] = []
  const marks: Mark[] = []
  let isEnding = false

  const read = async (mode: string) => {
    const answer = await reader.call<Page<FeedItem>>('GET', `/v1/feed?mode=${mode}&limit=${PAGE}`).catch(() => null)
    if (answer === null) return '0'
    const degraded = answer.headers.get('tideline-degraded')
    const items = answer.status === 200 ? answer.body.items : []
    const faults = [
      answer.status === 200 && items.length < fewest ? `${items.length} posts only` : null,
      new Set(items.map(({ id }) => id)).size < items.length ? 'a post twice' : null,
    ]
    // A page that is shown again has what it had when it was read last.
    const isWhole = degraded === 'stale' || faults.every((fault) => fault === null)
    if (answer.status === 200 && isWhole && degraded !== null && isBusy()) return `200 ${degraded}, busy`
    return [String(answer.status), degraded, ...faults].filter((word) => word !== null).join(' ')
  }
  const done = (async () => {
    for (let n = 0; !isEnding; n++) {
      const fromMs = now()
      const answer = await read(MODES[n % MODES.length] ?? 'following')
      const toMs = now()
      const last = stretches.at(-1)
      if (last?.answer === answer) {
        last.toMs = toMs
        last.reads++
        last.slowestMs = Math.max(last.slowestMs, toMs - fromMs)
      } else stretches.push({ fromMs, toMs, reads: 1, slowestMs: toMs - fromMs, answer })
      await pause(EVERY_MS)
    }
  })()
  return {
    mark: (text) => marks.push({ atMs: now(), text }),
    async stop() {
      isEnding = true
      await done
      return stretches
    },
    told: () => told(marks, stretches),
  }
}

function told(marks: readonly Mark[], stretches: readonly Stretch[]): string {
  const lines = [
    ...marks.map(({ atMs, text }) => ({ atMs, line: `— ${text}` })),
    ...stretches.map(({ fromMs, toMs, reads, slowestMs, answer }) => ({
      atMs: fromMs,
      line: `feed ${answer} (${reads} reads until ${(toMs / 1_000).toFixed(1)} s, the slowest ${slowestMs} ms)`,
    })),
  ]
  return lines
    .sort((a, b) => a.atMs - b.atMs)
    .map(({ atMs, line }) => `${(atMs / 1_000).toFixed(1).padStart(6)} s  ${line}`)
    .join('\n')
}
