/**
 * What is searched, on the embedded engine; the distributed one is Elasticsearch with the same documents. Text is folded
 * before it is stored (origin/search/text.ts), so that both engines compare the same words. Deleted documents stay with their
 * version: a late, older change must not bring them back.
 */
import { sql } from 'drizzle-orm'
import { boolean, index, integer, pgTable, text } from 'drizzle-orm/pg-core'
import { id, version } from './columns.ts'

export const searchPeople = pgTable(
  'search_people',
  {
    userId: id('user_id').primaryKey(),
    /** The user name, folded. */
    handle: text('handle').notNull(),
    /** The words of display name and handle, folded. */
    words: text('words').array().notNull(),
    /** The words in one line: what trigrams are taken of. */
    line: text('line').notNull(),
    deleted: boolean('deleted').notNull().default(false),
    version: version(),
  },
  (t) => [
    index('search_people_handle').on(t.handle.op('text_pattern_ops')),
    index('search_people_words').using('gin', sql`array_to_tsvector(${t.words})`),
    index('search_people_line').using('gin', t.line.op('gin_trgm_ops')),
  ],
)

export const searchPosts = pgTable(
  'search_posts',
  {
    postId: id('post_id').primaryKey(),
    userId: id('user_id').notNull(),
    /** The words of the caption, its hashtags among them, folded and each once. */
    words: text('words').array().notNull(),
    line: text('line').notNull(),
    hashtags: text('hashtags').array().notNull(),
    deleted: boolean('deleted').notNull().default(false),
    version: version(),
  },
  (t) => [
    index('search_posts_words').using('gin', sql`array_to_tsvector(${t.words})`),
    index('search_posts_line').using('gin', t.line.op('gin_trgm_ops')),
  ],
)

/** How many posts carry a hashtag: moved in the same transaction as the post's document. */
export const searchHashtags = pgTable(
  'search_hashtags',
  { tag: text('tag').primaryKey(), folded: text('folded').notNull(), posts: integer('posts').notNull() },
  (t) => [
    index('search_hashtags_prefix').on(t.folded.op('text_pattern_ops')),
    index('search_hashtags_trigrams').using('gin', t.folded.op('gin_trgm_ops')),
  ],
)
