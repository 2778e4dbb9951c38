/** What the graph tier needs of its database: the inverse of follows, and who hides whom. */
import type { Id } from '#core/ids.ts'
import type { AuthorMode, FollowedPosts } from '#core/timeline/index.ts'

export interface FollowChange {
  followerId: Id
  followeeId: Id
  state: 'active' | 'requested' | 'removed'
  /** Version of the follows row. Newer wins. */
  version: number
}

/** What stands after a change was applied, whether this one or a newer one before it. */
export interface AppliedFollow {
  state: 'active' | 'requested' | 'removed'
  version: number
  followerCount: number
}

/** What the primary says of a reader and an author at one moment. */
export interface Standing {
  /** By the edge's own table, which is never late. */
  following: boolean
  /** The inverse row is not active: nothing more is pushed. */
  ended: boolean
  /** The registry's. Read after the inverse row stood: a crossing that began later repairs this follower itself. */
  mode: AuthorMode
}

/** A second purge that one worker holds. */
export interface DuePurge {
  followerId: Id
  followeeId: Id
  /** Names this taking. */
  lease: string
}

export interface GraphStore {
  /** Brings the inverse row and both counts to the change, if it is newer. Null when the account is gone. */
  applyFollow(change: FollowChange): Promise<AppliedFollow | null>
  /** Visible posts of an author with id ≥ `from`, newest first, from the primary. */
  authorPosts(author: Id, from: Id, limit: number): Promise<FollowedPosts>
  /** Whether either blocks the other; whether `user` mutes `target`. */
  relations(user: Id, target: Id): Promise<{ blocked: boolean; muted: boolean }>
  schedulePurge(followerId: Id, followeeId: Id, afterMs: number): Promise<void>
  /** Takes the second purges that are due. One that is not finished within the lease is given again. */
  takeDuePurges(limit: number, leaseMs: number): Promise<DuePurge[]>
  /** Removes a purge that is done, unless another unfollow has moved it on. */
  finishPurge(purge: DuePurge): Promise<void>
  /** Which of these posts are an author's, deleted ones too. */
  postsBy(author: Id, among: readonly Id[]): Promise<Id[]>
  standing(reader: Id, author: Id): Promise<Standing>
}
