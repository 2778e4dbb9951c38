/** Posts and their media; both sharded by user_id. */
import { sql } from 'drizzle-orm'
import { bigint, index, integer, jsonb, pgTable, text, timestamp, varchar } from 'drizzle-orm/pg-core'
import type { PostMedia } from '#core/timeline/packed-post.ts'
import { createdAt, id, updatedAt, version } from './columns.ts'

export const posts = pgTable(
  'posts',
  {
    postId: id('post_id').primaryKey(),
    userId: id('user_id').notNull(),
    caption: text('caption').notNull().default(''),
    mediaUrls: jsonb('media_urls').$type<PostMedia[]>().notNull(),
    hashtags: text('hashtags').array().notNull().default(sql`'{}'`),
    likeCount: integer('like_count').notNull().default(0),
    commentCount: integer('comment_count').notNull().default(0),
    /** A post waits when its video has no rendition yet; its author alone sees it. */
    state: varchar('state', { length: 16 }).notNull().default('visible'),
    version: version(),
    createdAt: createdAt(),
    deletedAt: timestamp('deleted_at', { withTimezone: true }),
  },
  (t) => [index('posts_author').on(t.userId, t.postId.desc()), index('posts_hashtags').using('gin', t.hashtags)],
)

/** The id promised with a 202 when the write turned out to be made already: it leads to the post that was kept. */
export const postAliases = pgTable('post_aliases', {
  aliasId: id('alias_id').primaryKey(),
  postId: id('post_id').notNull(),
  userId: id('user_id').notNull(),
  createdAt: createdAt(),
})

export const media = pgTable(
  'media',
  {
    mediaId: id('media_id').primaryKey(),
    userId: id('user_id').notNull(),
    postId: id('post_id'),
    key: text('key').notNull(),
    contentType: text('content_type').notNull(),
    bytes: bigint('bytes', { mode: 'number' }).notNull(),
    sha256: text('sha256'),
    /** awaiting_upload, uploaded, ready or failed. */
    state: varchar('state', { length: 16 }).notNull().default('awaiting_upload'),
    uploadId: text('upload_id'),
    width: integer('width'),
    height: integer('height'),
    blur: text('blur'),
    alt: text('alt').notNull().default(''),
    variants:
      jsonb('variants').$type<{ name: string; key: string; width: number; height: number; contentType: string }[]>(),
    failure: text('failure'),
    version: version(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (t) => [index('media_owner').on(t.userId, t.mediaId.desc()), index('media_waiting').on(t.state, t.createdAt)],
)

/** Tags that caches at the edge shall forget; a row goes when they have. Asked for again meanwhile, its version rises. */
export const cachePurges = pgTable('cache_purges', {
  tag: text('tag').primaryKey(),
  version: version(),
  requestedAt: timestamp('requested_at', { withTimezone: true }).notNull(),
})

/** Leased work: a long transcode never blocks a partition of the log. */
export const mediaJobs = pgTable(
  'media_jobs',
  {
    mediaId: id('media_id').primaryKey(),
    state: varchar('state', { length: 16 }).notNull().default('waiting'),
    attempts: integer('attempts').notNull().default(0),
    leaseOwner: text('lease_owner'),
    leaseUntil: timestamp('lease_until', { withTimezone: true }),
    runAfter: timestamp('run_after', { withTimezone: true }).notNull().defaultNow(),
    failure: text('failure'),
    createdAt: createdAt(),
  },
  (t) => [index('media_jobs_due').on(t.state, t.runAfter)],
)
