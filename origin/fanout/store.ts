/** What fan-out needs of its database: the post, its author's followers in pages, and the author's mode. */
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import type { AuthorMode, FollowedPosts, PostRecord } from '#core/timeline/index.ts'

export interface FanoutTarget {
  post: PostRecord
  deleted: boolean
  followerCount: number
  /** What fan-out has consumed from the author's own partition, not what `author_modes.mode` says by now. */
  appliedMode: AuthorMode
  /** Has ever been a celebrity: isolates may still keep a list of the author's posts, which must stay whole. */
  hasCrossed: boolean
  /** Unix milliseconds (by the database) since when posts are pulled only; null: they are pushed, or a crossing is under way. */
  pulledSinceMs: number | null
}

export interface AuthorModeState {
  mode: AuthorMode
  appliedMode: AuthorMode
  version: number
}

export interface FanoutStore {
  /** Null when the post is unknown. */
  target(post: Id): Promise<FanoutTarget | null>
  /**
   * Active followers with after < id ≤ through, ascending; none when `post`, for which they are read, is deleted. Reads the
   * primary.
   */
  followers(author: Id, after: Id, limit: number, bounds?: { through?: Id; post?: Id }): Promise<Id[]>
  /** Where to cut the followers above `after` into pages of `size`: the last id of each, for up to `pages` of them. */
  pageEnds(author: Id, after: Id, size: number, pages: number): Promise<Id[]>
  /** Which of these readers follow more than `limit` accounts. */
  hotReaders(readers: readonly Id[], limit: number): Promise<ReadonlySet<Id>>
  authorPosts(author: Id, limit: number): Promise<FollowedPosts>
  mode(author: Id): Promise<AuthorModeState>
  /** Compare-and-set, together with the event in the outbox. False when somebody else was first. */
  changeMode(author: Id, from: AuthorMode, to: AuthorMode, event: TidelineEvent<'celebrity.changed'>): Promise<boolean>
  /** Notes that a change of mode was consumed. Newer wins. */
  applyMode(author: Id, mode: AuthorMode, version: number): Promise<void>
}
