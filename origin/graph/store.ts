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
  /** Read after the inverse row stood: a crossing that began later repairs this follower itself. */
  mode: AuthorMode
}

export interface GraphStore {
  /** Brings the inverse row and both counts to the change, if it is newer. Null when the account is gone. */
  applyFollow(change: FollowChange): Promise<AppliedFollow | null>
  /** Visible posts of an author with id ≥ `from`, newest first, from the primary. */
  authorPosts(author: Id, from: Id, limit: number): Promise<FollowedPosts>
  /** Whether either blocks the other; whether `user` mutes `target`. */
  relations(user: Id, target: Id): Promise<{ blocked: boolean; muted: boolean }>
  schedulePurge(followerId: Id, followeeId: Id, afterMs: number): Promise<void>
  /** Takes the second purges that are due; each is given once. */
  takeDuePurges(limit: number): Promise<{ followerId: Id; followeeId: Id }[]>
  /** What the primary says of a reader and an author just now. */
  standing(reader: Id, author: Id): Promise<{ following: boolean; purgeScheduled: boolean; mode: AuthorMode }>
}
