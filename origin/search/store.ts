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

/** Fills an index anew from where the documents come from. */
export interface Rebuild {
  /** Up to `limit` documents behind an id, in ascending order of ids; none at the end. */
  people(after: Id, limit: number): Promise<PersonDocument[]>
  posts(after: Id, limit: number): Promise<PostDocument[]>
  /** Gives up what an interrupted rebuild has done, instead of going on from there. */
  restart?: boolean
  report?(progress: Rebuilt & { at: Id }): void
}

/** How many documents a rebuild has put. */
export interface Rebuilt {
  people: number
  posts: number
}

export interface SearchStore {
  /** As many as may be under way at once: an engine that gathers them wants many, one that shares its connections few. */
  readonly putsAtOnce: number
  /** Keeps the document unless one as new or newer stands. It is found a second later at the latest: see `settle`. */
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

  /** Resolves when all that was put before is found and counted. */
  settle(): Promise<void>
  /** What an engine has to do on the side, such as counting: called about once a second where documents are put. */
  keepUp(): Promise<void>
  /** Puts all documents into the index, or into a new one that then takes its place. Searches go on meanwhile, and so do puts. */
  rebuild(work: Rebuild): Promise<Rebuilt>
}
