/** The search engine's port. Writes are versioned; reads follow the groups of query.ts. */
import type { Id } from '#core/ids.ts'
import type { PersonDocument, PostDocument } from './documents.ts'
import type { SearchQuery } from './query.ts'

/** Where a page goes on: behind this hit. */
export interface AfterId {
  tier: number
  id: Id
}

export interface AfterTag {
  tier: number
  posts: number
  tag: string
}

export interface Hashtag {
  tag: string
  posts: number
}

export interface SearchStore {
  /** Keeps the document unless one as new or newer stands. */
  putPerson(document: PersonDocument): Promise<void>
  /** As `putPerson`, and moves the counts of its hashtags with it. */
  putPost(document: PostDocument): Promise<void>

  /** Tiers exact, prefix and words, in that order, each by descending id. */
  people(query: SearchQuery, after: AfterId | null, limit: number): Promise<AfterId[]>
  /** At least the best `limit` people of whom a word may be a misspelling of a word of the query, in any order. */
  peopleAlike(query: SearchQuery, limit: number): Promise<Pick<PersonDocument, 'userId' | 'handle' | 'words'>[]>

  /** Tiers exact (all words) and prefix (the last word as a beginning), each by descending id. */
  posts(query: SearchQuery, after: AfterId | null, limit: number): Promise<AfterId[]>
  postsAlike(query: SearchQuery, limit: number): Promise<Pick<PostDocument, 'postId' | 'words'>[]>

  /** Tiers exact and prefix over folded tags, each by descending number of posts, then by tag. */
  hashtags(query: SearchQuery, after: AfterTag | null, limit: number): Promise<AfterTag[]>
  hashtagsAlike(query: SearchQuery, limit: number): Promise<(Hashtag & { folded: string })[]>
}
