/** What readers were served while servers died: one row an outage, as test:fault writes it to a file and prints it at last. */
import { z } from 'zod'

export const rowOfReads = z.object({
  /** The outage's title. */
  row: z.string(),
  /** Feeds opened. Each is one of: full, degraded, stale, failed, or unanswered, which is among the excused. */
  reads: z.number(),
  /** A whole page as it always is. */
  full: z.number(),
  /** A whole page, marked as read from fewer stores, or of what was read in time. */
  degraded: z.number(),
  /** The whole last page of this location, marked stale. */
  stale: z.number(),
  /** A short page, a post twice, an error, or nothing in time. */
  failed: z.number(),
  /** Of degraded and stale pages those that this outage does not promise. */
  astray: z.number(),
  /** Astray or unanswered, but while the machine was too busy to judge by; not counted there. */
  excused: z.number(),
  slowestMs: z.number(),
  /** Pictures opened that the image Worker's cache holds. */
  pictures: z.number(),
  picturesFailed: z.number(),
  /** Not answered in time while the machine was too busy to judge by. */
  picturesExcused: z.number(),
  /** Writes acknowledged. */
  writes: z.number(),
  /** Tries that were refused or not answered while the machine was too busy, and which the outage gives no reason for. */
  writesExcused: z.number(),
})
export type RowOfReads = z.output<typeof rowOfReads>

export const faultReport = z.object({
  profile: z.string(),
  /** Of outages. */
  rows: z.array(rowOfReads),
  /** While nothing was away. They stand beside the sum: else more of them would let more fail in outages. */
  calm: z.array(rowOfReads),
})
export type FaultReport = z.output<typeof faultReport>

type Count = Exclude<keyof RowOfReads, 'row' | 'slowestMs'>

const COUNTS: readonly Count[] = [
  'reads',
  'full',
  'degraded',
  'stale',
  'failed',
  'astray',
  'excused',
  'pictures',
  'picturesFailed',
  'picturesExcused',
  'writes',
  'writesExcused',
]
const HEADINGS: Partial<Record<Count, string>> = {
  picturesFailed: 'not opened',
  picturesExcused: 'pictures excused',
  writesExcused: 'writes excused',
}

/** At least so many of a row's reads, and of all reads, must be whole pages. */
const SUCCESS = 0.999
/** At most so many may come from where the outage gives no reason to. */
const ASTRAY = 0.05
/** From here on a run says that it hardly judges. */
const HARDLY_JUDGED = 0.03
/** From here on it has failed: what was excused is unknown, not good. */
const NOT_JUDGED = 0.1

export function sumOfReads(rows: readonly RowOfReads[], row = 'all'): RowOfReads {
  const sum = (count: Count) => rows.reduce((all, each) => all + each[count], 0)
  const counts = Object.fromEntries(COUNTS.map((count) => [count, sum(count)])) as Record<Count, number>
  return { row, ...counts, slowestMs: Math.max(0, ...rows.map(({ slowestMs }) => slowestMs)) }
}

/** Reads that are judged: what was excused is neither a success nor a failure. */
const judgedOf = ({ reads, excused }: RowOfReads) => reads - excused

/** A refused try is repeated until a write is acknowledged: those that were are as many as the writes. */
const triesToWrite = ({ writes, writesExcused }: RowOfReads) => writes + writesExcused

/**
 * What is wrong with a row, or with the sum of all; empty when nothing is. A row of a few hundred reads bears one failure, as a row
 * of a thousand does; the sum bears one in a thousand, so that not every row may have its one.
 */
export function faultsOfReads(counts: RowOfReads): string[] {
  const { row, failed, astray, pictures, picturesFailed } = counts
  const judged = judgedOf(counts)
  const share = (part: number, all: number) => `${part} of ${all}`
  const borne = Math.max(1, Math.floor(judged * (1 - SUCCESS)))
  return [
    ...(failed > borne ? [`${row}: ${share(failed, judged)} feeds were no whole page`] : []),
    ...(astray > judged * ASTRAY
      ? [`${row}: ${share(astray, judged)} feeds came from elsewhere than they should`]
      : []),
    ...(picturesFailed > 0 ? [`${row}: ${share(picturesFailed, pictures)} pictures did not open`] : []),
  ]
}

/** What is wrong with a run's outages together: also that too much was excused to say whether anything was. */
export function faultsOfRun(rows: readonly RowOfReads[]): string[] {
  const all = sumOfReads(rows)
  const unjudged = (what: string, excused: number, whole: number) =>
    excused > whole * NOT_JUDGED
      ? [`not judged: ${excused} of ${whole} ${what} excused by a machine that was too busy`]
      : []
  return [
    ...faultsOfReads(all),
    ...unjudged('feeds', all.excused, all.reads),
    ...unjudged('pictures', all.picturesExcused, all.pictures),
    ...unjudged('tries to write', all.writesExcused, triesToWrite(all)),
  ]
}

/** A line an outage, their sum, what was read while nothing was away; then how much of the sum the machine was too busy to judge by. */
export function tableOfReads(rows: readonly RowOfReads[], calm: readonly RowOfReads[] = []): string {
  const all = sumOfReads(rows, 'all outages')
  const header = ['', ...COUNTS.map((count) => HEADINGS[count] ?? count), 'slowest ms']
  const lines = [...rows, all, ...calm].map((each) => [each.row, ...COUNTS.map((count) => each[count]), each.slowestMs])
  const cells = [header, ...lines.map((line) => line.map(String))]
  const widths = header.map((_, column) => Math.max(...cells.map((line) => line[column]?.length ?? 0)))
  const text = cells.map((line) =>
    line
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  )
  return [...text, verdict(all)].join('\n')
}

/** Both shares of whole pages: with what was excused counted as it came, and of what is judged alone. */
function verdict(all: RowOfReads): string {
  const percent = (part: number, whole = all.reads) => `${((100 * part) / Math.max(1, whole)).toFixed(2)} %`
  const judged = judgedOf(all)
  const whole = all.full + all.degraded + all.stale
  const isMuch = (excused: number, of: number) => excused > of * HARDLY_JUDGED
  const isHardly =
    isMuch(all.excused, all.reads) ||
    isMuch(all.picturesExcused, all.pictures) ||
    isMuch(all.writesExcused, triesToWrite(all))
  return [
    `Outages: whole pages ${percent(whole)} of all reads, ${percent(judged - all.failed, judged)} of those judged`,
    `stale ${percent(all.stale)}; excused by a machine that was too busy ${percent(all.excused)} of the reads`,
    `${percent(all.writesExcused, triesToWrite(all))} of the tries to write${isHardly ? ': HARDLY JUDGED. Run it where nothing else does' : ''}.`,
  ].join('; ')
}
