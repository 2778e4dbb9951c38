/** What a query may have meant: of the candidates that an engine offers, those within the edits that are allowed, the nearest first. */
import { compareIds, type Id } from '#core/ids.ts'
import { allowedEdits, editDistance, matchesWords, misspeltBy, type SearchQuery, TIER } from './query.ts'
import type { AfterTag, SearchStore } from './store.ts'

/** Candidates that an engine offers: the list of what is misspelt ends here. */
const CANDIDATES = 200

/** A hit with its place: tier, edits (misspelt ones only), id. */
export interface Hit {
  tier: number
  edits: number
  id: Id
}

export interface TagHit extends AfterTag {
  edits: number
}

export const compareHits = (a: Hit, b: Hit): number => a.edits - b.edits || compareIds(b.id, a.id)
export const compareTags = (a: TagHit, b: TagHit): number =>
  a.edits - b.edits || b.posts - a.posts || (a.tag < b.tag ? -1 : a.tag > b.tag ? 1 : 0)

export async function misspeltPeople(store: SearchStore, query: SearchQuery): Promise<Hit[]> {
  const found = await store.peopleAlike(query, CANDIDATES)
  return found
    .flatMap(({ userId, handle, words }) => {
      const edits = handle.startsWith(query.text) || matchesWords(query, words) ? null : misspeltBy(query, words)
      return edits === null ? [] : [{ tier: TIER.misspelt, edits, id: userId }]
    })
    .sort(compareHits)
}

export async function misspeltPosts(store: SearchStore, query: SearchQuery): Promise<Hit[]> {
  const found = await store.postsAlike(query, CANDIDATES)
  return found
    .flatMap(({ postId, words }) => {
      const edits = matchesWords(query, words) ? null : misspeltBy(query, words)
      return edits === null ? [] : [{ tier: TIER.misspelt, edits, id: postId }]
    })
    .sort(compareHits)
}

export async function misspeltTags(store: SearchStore, { text }: SearchQuery): Promise<TagHit[]> {
  const allowed = allowedEdits(text)
  if (allowed === 0) return []
  const found = await store.hashtagsAlike({ text, words: [] }, CANDIDATES)
  return found
    .filter(({ folded }) => !folded.startsWith(text))
    .map(({ tag, posts, folded }) => ({ tier: TIER.misspelt, edits: editDistance(text, folded, allowed), posts, tag }))
    .filter(({ edits }) => edits <= allowed)
    .sort(compareTags)
}
