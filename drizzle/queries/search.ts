/** Search documents in Postgres: words as text-search vectors, misspellings by trigrams. */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import { everywhere, orderedBy, reads, scattered } from '../placement.ts'
import { idList } from './feed.ts'

const texts = (list: readonly string[]) => sql`ARRAY(SELECT jsonb_array_elements_text(${JSON.stringify(list)}::jsonb))`

/**
 * Words that share fewer of their trigrams are no misspellings of each other: four letters with two in the middle swapped
 * share one of nine. Set for one transaction, since it steers the index.
 */
const LEAST_SIMILARITY = '0.1'
const loosen = (setting: 'strict_word_similarity' | 'similarity') =>
  sql`SELECT set_config(${`pg_trgm.${setting}_threshold`}, ${LEAST_SIMILARITY}, true)`

export function upsertPerson(person: {
  userId: Id
  handle: string
  words: readonly string[]
  deleted: boolean
  version: number
}): SQL {
  const { userId, handle, words, deleted, version } = person
  return sql`INSERT INTO search_people AS d (user_id, handle, words, line, deleted, version)
    VALUES (${userId}::bigint, ${handle}, ${texts(words)}, ${words.join(' ')}, ${deleted}::boolean, ${version}::bigint)
    ON CONFLICT (user_id) DO UPDATE SET handle = EXCLUDED.handle, words = EXCLUDED.words, line = EXCLUDED.line,
      deleted = EXCLUDED.deleted, version = EXCLUDED.version
    WHERE d.version < EXCLUDED.version`
}

/**
 * The lock makes the former hashtags, which the counts are moved by, those of the row that is replaced: without it two first
 * writes of a post would both see none.
 */
export function upsertPost(post: {
  postId: Id
  userId: Id
  words: readonly string[]
  hashtags: readonly { tag: string; folded: string }[]
  deleted: boolean
  version: number
}): SQL[] {
  const { postId, userId, words, hashtags, deleted, version } = post
  const tags = hashtags.map(({ tag }) => tag)
  return [
    sql`SELECT pg_advisory_xact_lock(${postId}::bigint)`,
    sql`WITH former AS (SELECT hashtags FROM search_posts WHERE post_id = ${postId}::bigint),
    applied AS (
      INSERT INTO search_posts AS d (post_id, user_id, words, line, hashtags, deleted, version)
      VALUES (${postId}::bigint, ${userId}::bigint, ${texts(words)}, ${words.join(' ')}, ${texts(tags)},
              ${deleted}::boolean, ${version}::bigint)
      ON CONFLICT (post_id) DO UPDATE SET words = EXCLUDED.words, line = EXCLUDED.line,
        hashtags = EXCLUDED.hashtags, deleted = EXCLUDED.deleted, version = EXCLUDED.version
      WHERE d.version < EXCLUDED.version
      RETURNING hashtags
    ), moved AS (
      SELECT tag, sum(n)::int AS n FROM (
        SELECT unnest(hashtags) AS tag, 1 AS n FROM applied
        UNION ALL
        SELECT unnest(hashtags), -1 FROM former WHERE EXISTS (SELECT 1 FROM applied)
      ) steps GROUP BY tag HAVING sum(n) <> 0
    )
    INSERT INTO search_hashtags AS h (tag, folded, posts)
    SELECT m.tag, coalesce(f.folded, m.tag), m.n FROM moved m
      LEFT JOIN jsonb_to_recordset(${JSON.stringify(hashtags)}::jsonb) AS f (tag text, folded text) ON f.tag = m.tag
      ORDER BY m.tag
    ON CONFLICT (tag) DO UPDATE SET posts = h.posts + EXCLUDED.posts`,
  ]
}

/** Words are letters and digits only, so quoting them is all it takes. */
const lexeme = (word: string, isPrefix: boolean) => `'${word}'${isPrefix ? ':*' : ''}`
const allOf = (words: readonly string[], lastIsPrefix: boolean) =>
  words.map((word, i) => lexeme(word, lastIsPrefix && i === words.length - 1)).join(' & ')

const beginningWith = (text: string) => `${text.replace(/[\\%_]/g, '\\$&')}%`

export interface AfterId {
  tier: number
  id: Id
}

const afterId = (after: AfterId | null) =>
  after === null
    ? sql``
    : sql`WHERE tier > ${after.tier}::int OR (tier = ${after.tier}::int AND id < ${after.id}::bigint)`

/** Rows of `{ id, tier }`: 0 the handle itself, 1 its beginning, 2 words. */
export function findPeople(text: string, words: readonly string[], after: AfterId | null, limit: number): SQL {
  const byWords = words.length === 0 ? sql`false` : sql`array_to_tsvector(words) @@ ${allOf(words, true)}::tsquery`
  return sql`SELECT id, tier FROM (
      SELECT user_id AS id,
        CASE WHEN handle = ${text} THEN 0 WHEN handle LIKE ${beginningWith(text)} THEN 1 ELSE 2 END AS tier
      FROM search_people WHERE NOT deleted AND (handle LIKE ${beginningWith(text)} OR ${byWords})
    ) found ${afterId(after)} ORDER BY tier, id DESC LIMIT ${limit}::int`
}

/** Rows of `{ id, tier }`: 0 all words, 1 the last as a beginning. `words` must not be empty. */
export function findPosts(words: readonly string[], after: AfterId | null, limit: number): SQL {
  return sql`SELECT id, tier FROM (
      SELECT post_id AS id, CASE WHEN array_to_tsvector(words) @@ ${allOf(words, false)}::tsquery THEN 0 ELSE 1 END AS tier
      FROM search_posts WHERE NOT deleted AND array_to_tsvector(words) @@ ${allOf(words, true)}::tsquery
    ) found ${afterId(after)} ORDER BY tier, id DESC LIMIT ${limit}::int`
}

/** A word of three letters with two of them swapped: it may share no trigram with the original. */
function swapsOf(word: string): string[] {
  const [a, b, c, ...more] = [...word]
  return c === undefined || more.length > 0 ? [] : [`${b}${a}${c}`, `${a}${c}${b}`]
}
const anyOf = (words: readonly string[]) =>
  sql`array_to_tsvector(words) @@ ${words.map((word) => lexeme(word, false)).join(' | ')}::tsquery`

/** Each word of the query resembles one of the line's; one of less than three characters, which bears no edit, is one of them. */
const resembling = (words: readonly string[]) =>
  sql.join(
    words.map((word) => {
      if ([...word].length < 3) return anyOf([word])
      const swaps = swapsOf(word)
      return swaps.length === 0 ? sql`${word} <<% line` : sql`(${word} <<% line OR ${anyOf(swaps)})`
    }),
    sql` AND `,
  )
const resemblance = (words: readonly string[]) =>
  sql.join(
    words.map((word) => sql`strict_word_similarity(${word}, line)`),
    sql` + `,
  )

/** Second statement's rows: `{ id, handle, words }`. */
export function findPeopleAlike(words: readonly string[], limit: number): SQL[] {
  return [
    loosen('strict_word_similarity'),
    sql`SELECT user_id AS id, handle, words FROM search_people WHERE NOT deleted AND ${resembling(words)}
      ORDER BY ${resemblance(words)} DESC, user_id DESC LIMIT ${limit}::int`,
  ]
}

/** Second statement's rows: `{ id, words }`. */
export function findPostsAlike(words: readonly string[], limit: number): SQL[] {
  return [
    loosen('strict_word_similarity'),
    sql`SELECT post_id AS id, words FROM search_posts WHERE NOT deleted AND ${resembling(words)}
      ORDER BY ${resemblance(words)} DESC, post_id DESC LIMIT ${limit}::int`,
  ]
}

/** Rows of `{ tag, posts, tier }`: 0 the tag itself, 1 its beginning. */
export function findHashtags(
  text: string,
  after: { tier: number; posts: number; tag: string } | null,
  limit: number,
): SQL {
  const behind =
    after === null
      ? sql``
      : sql`WHERE tier > ${after.tier}::int OR (tier = ${after.tier}::int AND (posts < ${after.posts}::int
          OR (posts = ${after.posts}::int AND tag > ${after.tag} COLLATE "C")))`
  return sql`SELECT tag, posts, tier FROM (
      SELECT tag, posts, CASE WHEN folded = ${text} THEN 0 ELSE 1 END AS tier
      FROM search_hashtags WHERE posts > 0 AND folded LIKE ${beginningWith(text)}
    ) found ${behind} ORDER BY tier, posts DESC, tag COLLATE "C" LIMIT ${limit}::int`
}

/** Second statement's rows: `{ tag, posts, folded }`. */
export function findHashtagsAlike(text: string, limit: number): SQL[] {
  return [
    loosen('similarity'),
    sql`SELECT tag, posts, folded FROM search_hashtags
      WHERE posts > 0 AND (folded % ${text} OR folded = ANY (${texts(swapsOf(text))}))
      ORDER BY similarity(folded, ${text}) DESC, posts DESC LIMIT ${limit}::int`,
  ]
}

const PERSON = sql`SELECT user_id, username, display_name, deleted_at IS NOT NULL AS deleted, version FROM users`
/**
 * Hashtags are found and counted by themselves, without their posts: those of a private account's posts are for nobody. The
 * version counts the account's in, which rises when it turns private or public; both only grow, and one snapshot reads them.
 */
const POST = sql`SELECT p.post_id, p.user_id, p.caption,
      CASE WHEN u.is_private OR u.is_private IS NULL OR u.deleted_at IS NOT NULL THEN '{}' ELSE p.hashtags END AS hashtags,
      (p.deleted_at IS NOT NULL OR p.state <> 'visible') AS deleted, p.version + coalesce(u.version, 0) AS version
    FROM posts p LEFT JOIN users u ON u.user_id = p.user_id`

/** People by id. Rows `{ user_id, username, display_name, deleted, version }`, in no order. */
export const somePeopleToIndex = (ids: readonly Id[]): SQL =>
  scattered(ids, (own) => sql`${PERSON} WHERE user_id = ANY(${idList(own)})`)

/**
 * Posts by id. Rows `{ post_id, user_id, caption, hashtags, deleted, version }`, in no order; a post that waits for its video
 * counts as deleted.
 */
export const somePostsToIndex = (ids: readonly Id[]): SQL =>
  scattered(ids, (own) => sql`${POST} WHERE p.post_id = ANY(${idList(own)})`)

/** Rows of posts, in ascending order of ids: an account's posts whose hashtags may have to come or go. */
export const taggedPostsToIndex = (userId: Id, after: Id, limit: number): SQL =>
  reads(
    userId,
    sql`${POST} WHERE p.user_id = ${userId}::bigint AND p.post_id > ${after}::bigint AND p.deleted_at IS NULL
      AND p.hashtags <> '{}' ORDER BY p.post_id LIMIT ${limit}::int`,
  )

/** The same rows, in ascending order of ids, for indexing everything again. */
export const peopleToIndex = (after: Id, limit: number): SQL =>
  everywhere<{ user_id: Id }>(
    (owned) =>
      sql`${PERSON} WHERE user_id > ${after}::bigint AND ${owned('user_id')} ORDER BY user_id LIMIT ${limit}::int`,
    {
      merge: orderedBy('user_id', 'asc', limit),
    },
  )

export const postsToIndex = (after: Id, limit: number): SQL =>
  everywhere<{ post_id: Id }>(
    (owned) =>
      sql`${POST} WHERE p.post_id > ${after}::bigint AND ${owned('p.post_id')} ORDER BY p.post_id LIMIT ${limit}::int`,
    {
      merge: orderedBy('post_id', 'asc', limit),
    },
  )
