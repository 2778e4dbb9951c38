/** Texts made of data: times, counts, captions. Pure. */

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** How long ago, in one short word: "now", "5m", "3h", "2d", then the date. */
export function ago(iso: string, nowMs: number): string {
  const age = nowMs - Date.parse(iso)
  if (age < MINUTE) return 'now'
  if (age < HOUR) return `${Math.floor(age / MINUTE)}m`
  if (age < DAY) return `${Math.floor(age / HOUR)}h`
  if (age < 7 * DAY) return `${Math.floor(age / DAY)}d`
  return new Date(iso).toLocaleDateString('en', { day: 'numeric', month: 'short' })
}

/** 1234 as 1.2K. */
export function compact(count: number): string {
  return new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 }).format(count)
}

/** A word as it follows a count: exactly one is the singular. */
export const plural = (count: number, one: string, many = `${one}s`): string => (count === 1 ? one : many)

export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${compact(count)} ${plural(count, one, many)}`

export type CaptionPart = { text: string; tag: string | null }

/** The server's rule in brief: a tag follows no word character, and has a letter. */
const TAG = /(?<![\p{L}\p{M}\p{N}_&/#])[#＃]([\p{L}\p{M}\p{N}_]*\p{L}[\p{L}\p{M}\p{N}_]*)/gu

/** A caption cut at its hashtags, in order; joined again it is the caption. */
export function captionParts(caption: string): CaptionPart[] {
  const parts: CaptionPart[] = []
  let end = 0
  for (const match of caption.matchAll(TAG)) {
    if (match.index > end) parts.push({ text: caption.slice(end, match.index), tag: null })
    parts.push({ text: match[0], tag: (match[1] ?? '').normalize('NFKC').toLowerCase() })
    end = match.index + match[0].length
  }
  if (end < caption.length) parts.push({ text: caption.slice(end), tag: null })
  return parts
}

/** Orders ids as numbers: they are decimal strings beyond what a Number holds. */
export function compareIds(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0)
}
