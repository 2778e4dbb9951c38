/** Where likes, comments and shares are kept: the truth that counters are held to. */
import type { Id } from '#core/ids.ts'

export interface LikeState {
  state: 'liked' | 'unliked'
  /** Unix milliseconds at which the state last changed, as the edge stamped it; 0 when there never was a like. */
  at: number
  version: number
}

/**
 * The version of a like: the edge's stamp, with the removal winning within one millisecond. It is a function of the request
 * alone, so that retries, double taps and late deliveries meet in one row whatever their order.
 */
export const likeVersion = (at: number, state: LikeState['state']): number => at * 2 + (state === 'unliked' ? 1 : 0)

/** The edge's stamp, in Unix milliseconds, of the tap that had a version. */
export const tappedAt = (version: number): number => Math.floor(version / 2)

export interface LikeWrite extends LikeState {
  postId: Id
  userId: Id
}

export interface LikeOutcome extends LikeState {
  /** Whether this write turned a like on or off: what counters follow. */
  changed: boolean
}

export interface StoredComment {
  postId: Id
  commentId: Id
  /** The comment at the top that this one answers. */
  parentId: Id | null
  userId: Id
  body: string
  version: number
  createdMs: number
  editedMs: number | null
  deleted: boolean
}

/** A comment at the top, as a list shows it. */
export interface TopComment extends StoredComment {
  /** Whether a reply to it stands; an engine may say so, too, where it gave up looking behind many deleted ones. */
  hasReplies: boolean
}

export interface CommentPage<T extends StoredComment> {
  /** May be fewer than asked for, or none, though more follow: engines look at so many deleted ones and no more. */
  items: T[]
  /** What the next page comes after; null: there are no more. */
  next: Id | null
}

export type NewComment = Pick<StoredComment, 'postId' | 'commentId' | 'parentId' | 'userId' | 'body' | 'createdMs'>

export interface CommentEdit {
  postId: Id
  commentId: Id
  body: string
  /** Unix milliseconds, as the edge stamped it. */
  at: number
}

/** One portion of a walk that compares what a like is kept as in several places. */
export interface ReconciledLikes {
  /** Where the next portion begins; null: the walk is through. */
  next: { userId: Id; postId: Id } | null
  checked: number
  /** Likes whose post did not know what their person's row says, and now does. */
  repaired: { userId: Id; postId: Id }[]
}

/** Every write is conditional, so any of them may be repeated; nothing here reads and then writes on what it read. */
export interface EngagementStore {
  /**
   * Applies a like or its removal if its version is newer than the row's, and leaves a tombstone for a removal, even where
   * no like stood. The state that results does not depend on the order of arrival.
   * @returns the row after the write
   */
  setLike(like: LikeWrite): Promise<LikeOutcome>
  likeOf(postId: Id, userId: Id): Promise<LikeState | null>
  /** Newest first; equal instants by ascending user id. `after` is the last of the page before. */
  likers(postId: Id, limit: number, after: { at: number; userId: Id } | null): Promise<{ userId: Id; at: number }[]>
  likedAmong(userId: Id, postIds: readonly Id[]): Promise<Id[]>
  /** A person's newest likes, newest first. */
  likesBy(userId: Id, limit: number): Promise<{ postId: Id; at: number }[]>

  /**
   * Looks at up to `limit` likes and removals after a place, in an order of the engine's own, and finishes those that were
   * cut off in the middle. May be repeated, and run while people tap.
   */
  reconcileLikes(after: { userId: Id; postId: Id } | null, limit: number): Promise<ReconciledLikes>

  /** Adds a comment; where its id is taken, answers the comment that has it. */
  addComment(comment: NewComment): Promise<{ added: boolean; comment: StoredComment }>
  comment(postId: Id, commentId: Id): Promise<StoredComment | null>
  /** Newest first. Deleted ones stand, without text, as long as a reply to them does. `before` is `next` of the page before. */
  topComments(postId: Id, limit: number, before: Id | null): Promise<CommentPage<TopComment>>
  /** Oldest first, without deleted ones. `after` is `next` of the page before. */
  replies(postId: Id, parentId: Id, limit: number, after: Id | null): Promise<CommentPage<StoredComment>>
  /**
   * Replaces the text unless the comment is deleted or was edited at that instant or later, so that edits may repeat and
   * come in any order. Null when there is no such comment, else the comment as it is then.
   */
  editComment(edit: CommentEdit): Promise<{ changed: boolean; comment: StoredComment } | null>
  /** Leaves a tombstone without text. `changed` is false when it was deleted before. */
  removeComment(postId: Id, commentId: Id): Promise<{ changed: boolean }>
  /**
   * Leaves a tombstone where no comment has come yet: one that comes later under this id finds it, and is not added.
   * @returns what stands under the id then: the tombstone, or the comment that was first
   */
  forestallComment(comment: Omit<NewComment, 'parentId' | 'body'>): Promise<StoredComment>

  /** The first share of a post by a person counts; `at` is that one's instant. */
  share(share: { postId: Id; userId: Id; at: number }): Promise<{ added: boolean; at: number }>

  /** Likes that stand and comments that are not deleted, replies included; counted, not remembered. */
  count(postId: Id): Promise<{ likes: number; comments: number }>
}
