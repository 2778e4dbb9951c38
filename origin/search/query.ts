/**
 * What a query matches, and how well: the semantics that every engine is held to. Engines find candidates; where they could
 * differ, in how they weigh misspellings, the order is computed here.
 */
import { fold, queryWordsOf } from './text.ts'

export interface SearchQuery {
  /** The whole query, folded: compared with handles and hashtags. */
  text: string
  /** Its words; the last may be unfinished. */
  words: string[]
}

/** More words only narrow the result further than anybody means to. */
const QUERY_WORDS = 10

export function parseQuery(q: string): SearchQuery {
  const text = fold(q)
    .trim()
    .replace(/^[@#＃]+/, '')
  return { text, words: queryWordsOf(text).slice(0, QUERY_WORDS) }
}

/**
 * Groups of a result, best first, and within each by descending id:
 * people: the handle itself · a handle that begins so · words of name or handle, the last of the query's as a beginning · misspelt (only
 *   when few else are found)
 * posts: all words · the last word as a beginning · misspelt (only when nothing else is found)
 * hashtags: the tag itself · tags that begin so (most used first) · misspelt (only when few else are found, and nobody is called so)
 */
export const TIER = Object.freeze({ exact: 0, prefix: 1, words: 2, misspelt: 3 })

/** Edits by which a word may differ, by its length: one from three letters on, two from six (as Elasticsearch's AUTO). */
export function allowedEdits(word: string): number {
  const length = [...word].length
  return length < 3 ? 0 : length < 6 ? 1 : 2
}

/** Whether all words of the query are among `words`, the last one also as a beginning. */
export function matchesWords(query: SearchQuery, words: readonly string[]): boolean {
  if (query.words.length === 0) return false
  const last = query.words.at(-1)!
  const known = new Set(words)
  return query.words.slice(0, -1).every((word) => known.has(word)) && words.some((word) => word.startsWith(last))
}

/** By how many edits the query's words differ from the nearest of `words`, or null when one differs by too many. */
export function misspeltBy(query: SearchQuery, words: readonly string[]): number | null {
  let edits = 0
  for (const word of query.words) {
    const allowed = allowedEdits(word)
    const nearest = nearestEdits(word, words, allowed)
    if (nearest > allowed) return null
    edits += nearest
  }
  return query.words.length === 0 ? null : edits
}

function nearestEdits(word: string, words: readonly string[], allowed: number): number {
  if (words.includes(word)) return 0
  // Words of a text without spaces are many and short: none of them is worth measuring.
  if (allowed === 0) return 1
  let nearest = allowed + 1
  for (const candidate of words) {
    nearest = Math.min(nearest, editDistance(word, candidate, allowed))
    if (nearest === 1) break
  }
  return nearest
}

/**
 * Insertions, deletions, substitutions and swaps of neighbours between two words (optimal string alignment distance), or
 * `most + 1` as soon as it must be more.
 */
export function editDistance(a: string, b: string, most: number): number {
  const [left, right] = [[...a], [...b]]
  if (Math.abs(left.length - right.length) > most) return most + 1
  let beforeLast: number[] = []
  let last = Array.from({ length: right.length + 1 }, (_, j) => j)
  for (let i = 1; i <= left.length; i++) {
    const row = [i]
    for (let j = 1; j <= right.length; j++) {
      const substituted = last[j - 1]! + (left[i - 1] === right[j - 1] ? 0 : 1)
      let edits = Math.min(last[j]! + 1, row[j - 1]! + 1, substituted)
      const isSwap = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1]
      if (isSwap) edits = Math.min(edits, beforeLast[j - 2]! + 1)
      row.push(edits)
    }
    if (Math.min(...row) > most) return most + 1
    beforeLast = last
    last = row
  }
  return Math.min(last[right.length]!, most + 1)
}
