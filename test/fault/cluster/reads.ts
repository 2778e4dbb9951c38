/** One read, of a feed or a picture: what came of it, and as what it counts. */
import type { RowOfReads } from '../../../ops/fault-report.ts'
import type { FeedItem, Fetch, Page, Person } from '../../e2e/person.ts'

/** Posts that a page is asked for. Everybody follows people who have posted as many: no page may have fewer. */
export const PAGE = 20
/** Nobody waits for longer. The feed gives itself three seconds, then shows the last page. */
const PATIENCE_MS = 5_000

export const emptyRow = (row: string): RowOfReads => ({
  row,
  reads: 0,
  full: 0,
  degraded: 0,
  stale: 0,
  failed: 0,
  astray: 0,
  excused: 0,
  slowestMs: 0,
  pictures: 0,
  picturesFailed: 0,
  picturesExcused: 0,
  writes: 0,
  writesExcused: 0,
})

/**
 * What comes of a read, in a word or some; `0` where nothing comes in time.
 * @param deletions posts whose deletion has begun since this load began
 */
export async function openFeed(fetch: Fetch, reader: Person, mode: string, deletions: number): Promise<string> {
  try {
    const answer = await fetch(`/v1/feed?mode=${mode}&limit=${PAGE}`, {
      headers: { authorization: `Bearer ${reader.token}` },
      signal: AbortSignal.timeout(PATIENCE_MS),
    })
    const text = await answer.text()
    if (answer.status !== 200) return String(answer.status)
    return wordOfPage(JSON.parse(text) as Page<FeedItem>, answer.headers.get('tideline-degraded'), deletions)
  } catch {
    return '0'
  }
}

/**
 * A page that is shown again, or comes from fewer stores, is whole all the same. One that is shown again lacks what was deleted
 * since it was made, and nothing is there to take its place.
 */
export function wordOfPage({ items }: Page<Pick<FeedItem, 'id'>>, degraded: string | null, deletions: number): string {
  const whole = degraded === 'stale' ? PAGE - deletions : PAGE
  const faults = [
    items.length < whole ? `${items.length} posts only` : null,
    new Set(items.map(({ id }) => id)).size < items.length ? 'a post twice' : null,
  ]
  return ['200', degraded, ...faults].filter((word) => word !== null).join(' ')
}

export async function openPicture(fetch: Fetch, url: string): Promise<string> {
  try {
    const signal = AbortSignal.timeout(PATIENCE_MS)
    const answer = await fetch(url, { headers: { accept: 'image/webp' }, signal })
    const bytes = await answer.bytes()
    const isPicture = answer.status === 200 && answer.headers.get('content-type') === 'image/webp' && bytes.length > 0
    return isPicture ? 'a picture' : `no picture: ${answer.status}`
  } catch {
    return 'no picture: 0'
  }
}

const WHOLE = /^200( (?:redis|postgres|late|stale)(?:, (?:redis|postgres|late|stale))*)?$/

/** A busy machine excuses an answer that is late, or comes from elsewhere: no short page, and no error. */
export function countFeed(tally: RowOfReads, answer: string, served: RegExp, isExcusable: boolean): void {
  tally.reads++
  const whole = WHOLE.exec(answer)
  if (whole === null) {
    if (answer === '0' && isExcusable) tally.excused++
    else tally.failed++
    return
  }
  const [, degraded = ''] = whole
  if (degraded.includes('stale')) tally.stale++
  else if (degraded !== '') tally.degraded++
  else tally.full++
  if (served.test(answer)) return
  if (isExcusable) tally.excused++
  else tally.astray++
}

export function countPicture(tally: RowOfReads, answer: string, isExcusable: boolean): void {
  tally.pictures++
  if (answer === 'a picture') return
  if (answer.endsWith(' 0') && isExcusable) tally.picturesExcused++
  else tally.picturesFailed++
}
