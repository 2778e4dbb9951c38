/** Likes, comments and shares on the embedded engine; the distributed one is Cassandra with the same shapes. */
import { bigint, index, pgTable, primaryKey, text, timestamp, varchar } from 'drizzle-orm/pg-core'
import { createdAt, id, version } from './columns.ts'

/** The truth of "did u like p": conditional writes only, tombstones kept. */
export const likes = pgTable(
  'likes',
  {
    postId: id('post_id').notNull(),
    userId: id('user_id').notNull(),
    /** liked or unliked. */
    state: varchar('state', { length: 8 }).notNull(),
    /** Unix milliseconds, set once, at the edge. */
    likedAt: bigint('liked_at', { mode: 'number' }).notNull(),
    version: version(),
  },
  (t) => [
    primaryKey({ columns: [t.postId, t.userId] }),
    index('likes_newest').on(t.postId, t.likedAt.desc(), t.userId),
    index('likes_by_user').on(t.userId, t.likedAt.desc()),
  ],
)

export const comments = pgTable(
  'comments',
  {
    postId: id('post_id').notNull(),
    commentId: id('comment_id').notNull(),
    parentId: id('parent_id'),
    userId: id('user_id').notNull(),
    body: text('body').notNull(),
    version: version(),
    createdAt: createdAt(),
    editedAt: timestamp('edited_at', { withTimezone: true }),
    deletedAt: timestamp('deleted_at', { withTimezone: true }),
  },
  (t) => [
    primaryKey({ columns: [t.postId, t.commentId] }),
    index('comments_replies').on(t.postId, t.parentId, t.commentId),
    index('comments_by_user').on(t.userId, t.commentId.desc()),
  ],
)

/** The id that a person was promised with a 202, when their comment is kept under another: it leads there, for them. */
export const commentAliases = pgTable(
  'comment_aliases',
  {
    postId: id('post_id').notNull(),
    aliasId: id('alias_id').notNull(),
    userId: id('user_id').notNull(),
    commentId: id('comment_id').notNull(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.postId, t.aliasId, t.userId] })],
)

/** An edit of a comment that was promised with a 202 and has not come: it waits for it here. */
export const waitingEdits = pgTable(
  'waiting_edits',
  {
    postId: id('post_id').notNull(),
    /** As it was promised. */
    commentId: id('comment_id').notNull(),
    userId: id('user_id').notNull(),
    body: text('body').notNull(),
    /** Unix milliseconds, set at the edge: of two edits the later one stands. */
    editedAt: bigint('edited_at', { mode: 'number' }).notNull(),
    createdAt: createdAt(),
  },
  (t) => [primaryKey({ columns: [t.postId, t.commentId, t.userId] })],
)

export const shares = pgTable(
  'shares',
  {
    postId: id('post_id').notNull(),
    userId: id('user_id').notNull(),
    sharedAt: bigint('shared_at', { mode: 'number' }).notNull(),
  },
  (t) => [primaryKey({ columns: [t.postId, t.userId] }), index('shares_by_user').on(t.userId, t.sharedAt.desc())],
)
