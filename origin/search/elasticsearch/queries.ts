/**
 * Queries for the groups of query.ts. Each group is a search of its own that only filters, in the order in which the index is
 * kept: so a page reads as many documents as it shows, however many match. A sum of scores would have to visit them all.
 */
import type { estypes } from '@elastic/elasticsearch'
import { allowedEdits, type SearchQuery, TIER } from '../query.ts'

export type Query = NonNullable<estypes.SearchRequest['query']>

/** A group: what belongs to it and to no better one. */
export interface Group {
  tier: number
  query: Query
}

const term = (field: string, value: string): Query => ({ term: { [field]: value } })
const prefix = (field: string, value: string): Query => ({ prefix: { [field]: value } })
const LIVING: Query = { term: { deleted: false } }

/** All words, the last one as a beginning. */
const beginningWords = (words: readonly string[]): Query[] => [
  ...words.slice(0, -1).map((word) => term('words', word)),
  prefix('words', words.at(-1) ?? ''),
]

export function peopleGroups({ text, words }: SearchQuery): Group[] {
  const [itself, begins] = [term('handle', text), prefix('handle', text)]
  const byHandle: Group[] = [
    { tier: TIER.exact, query: { bool: { filter: [LIVING, itself] } } },
    { tier: TIER.prefix, query: { bool: { filter: [LIVING, begins], must_not: [itself] } } },
  ]
  if (words.length === 0) return byHandle
  const byWords: Query = { bool: { filter: [LIVING, ...beginningWords(words)], must_not: [begins] } }
  return [...byHandle, { tier: TIER.words, query: byWords }]
}

export function postGroups({ words }: SearchQuery): Group[] {
  const last = words.at(-1)
  if (last === undefined) return []
  const complete = words.map((word) => term('words', word))
  const unfinished = { filter: [LIVING, ...beginningWords(words)], must_not: [term('words', last)] }
  return [
    { tier: TIER.exact, query: { bool: { filter: [LIVING, ...complete] } } },
    { tier: TIER.prefix, query: { bool: unfinished } },
  ]
}

export function hashtagGroups({ text }: SearchQuery): Group[] {
  const carried: Query = { range: { posts: { gt: 0 } } }
  const [itself, begins] = [term('folded', text), prefix('folded', text)]
  return [
    { tier: TIER.exact, query: { bool: { filter: [carried, itself] } } },
    { tier: TIER.prefix, query: { bool: { filter: [carried, begins], must_not: [itself] } } },
  ]
}

/** Words of the index that a misspelt one is compared with, the nearest first. */
const MAX_EXPANSIONS = 200

/** Scores one more for each edit that a word of the query needs less: the sum puts the nearest first. */
const near = (field: string, word: string): Query => {
  const allowed = allowedEdits(word)
  const within = (edits: number): Query =>
    edits === 0
      ? term(field, word)
      : { fuzzy: { [field]: { value: word, fuzziness: edits, transpositions: true, max_expansions: MAX_EXPANSIONS } } }
  const queries = Array.from({ length: allowed + 1 }, (_, edits) => ({
    constant_score: { filter: within(edits), boost: allowed + 1 - edits },
  }))
  return { dis_max: { queries } }
}

/** Documents with a word like each of the query's. */
export const alikeByWords = (words: readonly string[]): Query => ({
  bool: { filter: [LIVING], must: words.map((word) => near('words', word)) },
})

export const alikeByTag = (text: string): Query => ({
  bool: { filter: [{ range: { posts: { gt: 0 } } }], must: [near('folded', text)] },
})
