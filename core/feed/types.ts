/** What the feed's stages hand to each other. Each stage is a pure function: skeleton → hydrate → rules → rank → blend → present. */
import type { IdLookup } from '../id-set.ts'
import type { Id } from '../ids.ts'
import type { Counts, Hidden } from '../timeline/index.ts'

/** Why a post is in the feed. */
export type Reason = 'own' | 'follow' | 'celebrity' | 'tag' | 'recommended' | 'trending' | 'sponsored' | 'seen'

/** An id with its source: all that the skeleton knows. */
export interface Candidate {
  id: Id
  reason: Reason
  /** The source's own score, in [0, 1]; 0 where the source has none. */
  relevance: number
}

/**
 * A post as an isolate keeps it: what rules and ranking read, and the JSON that never changes with the viewer, ready to
 * be joined into an answer. Posts lie scattered in memory, and a feed reads a hundred and twenty: what ranking needs are small
 * integers (below 2^30) and texts of the post itself, since what lies in an object of its own, as larger numbers do, is one more
 * wait for memory.
 */
export interface FeedPost {
  id: Id
  /** What `leadOf` says of its id. */
  lead: number
  authorId: Id
  authorName: string
  authorPrivate: boolean
  /** When it was made, in seconds since the ids' epoch. */
  seconds: number
  hashtags: readonly string[]
  /** The first of them. */
  topic: string | undefined
  awaitsMedia: boolean
  /**
   * Opening brace to the counts, without the closing brace; made when it is asked for, and kept from the second time on, until
   * the counts move.
   */
  readonly json: string
  /** Keys of private pictures, whose addresses have to be signed before `json` is shown; mostly none. */
  readonly privateKeys: readonly string[]
  /** Until when the addresses in `json` hold, in seconds since 1970: 0 while private pictures wait for signatures. */
  readonly signedUntil: number
  /** Writes signatures into the addresses, and their expiry into the digest: they are another page's tag. */
  sign(signatures: KeySignatures, expires: number): void
  /** About how many characters `json` has, for those who bound memory. */
  size: number
  /** Differs when the JSON does (another post, an edit, the author's new name or picture), for the page's tag. */
  digest: number
  likes: number
  comments: number
  /** Takes over new counts. */
  count(counts: Counts): void
  /** Whether it was read since the cache that keeps it last looked: theirs alone. */
  touched: boolean
}

/** Of keys of private pictures, the queries that open them (`presetSigner`). */
export type KeySignatures = ReadonlyMap<string, string>

/** A candidate with its post. */
export interface HydratedItem {
  candidate: Candidate
  post: FeedPost
}

/** Who looks, and what the rules and the ranking must know of them. */
export interface Viewer {
  id: Id
  hidden: Hidden
  /** Ids of posts this viewer has liked, as far as read. */
  liked: IdLookup
  /** Has an impression of this post been reported? May err towards yes. */
  hasSeen(post: Id): boolean
  /** How often the viewer engaged with an author lately. */
  affinity(author: Id): number
}

/** A scored item, in the order of the page. */
export interface RankedItem extends HydratedItem {
  score: number
}

/** The constants of a feed read, each with its reason. */
export interface FeedPolicy {
  readonly pageSize: number
  readonly maxPageSize: number
  readonly windowSize: number
  readonly recommendedCandidates: number
  readonly recommendedEvery: number
  readonly beyondCandidates: number
  readonly sponsoredFirstSlot: number
  readonly sponsoredEvery: number
  readonly refillRounds: number
  readonly likedRead: number
}

export const FEED_POLICY: FeedPolicy = Object.freeze({
  pageSize: 50,
  maxPageSize: 100,
  /** Followed posts ranked against each other: two pages' worth. More costs hydration and changes little at the top. */
  windowSize: 100,
  /** Candidates read from rec:{u}; twice what a page can show, since rules take some away. */
  recommendedCandidates: 20,
  /** At most one recommended post in this many. */
  recommendedEvery: 5,
  /** From outside the followed once those are used up: as many as are kept as trending, and what a cursor carries well. */
  beyondCandidates: 200,
  /** Nobody's feed begins with an advertisement. */
  sponsoredFirstSlot: 4,
  sponsoredEvery: 12,
  /** Rounds of reading on when rules emptied a page: bounded, so that one reader cannot cost a hundred reads. */
  refillRounds: 3,
  /** Newest likes read with a feed; older ones are asked for by id. */
  likedRead: 100,
})
