/** Posts as the edge writes and reads them: one statement a write, with its media and its event. */
import { type SQL, sql } from 'drizzle-orm'
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import type { PostMedia } from '#core/timeline/index.ts'
import { reads, scattered, writes } from '../placement.ts'
import { factEvent, outboxFrom } from './edge-events.ts'
import { idList, type PostRow } from './feed.ts'
import type { PersonRow } from './graph.ts'
import { type KeyedRequest, rememberFrom } from './idempotency.ts'
import { postVisible } from './visibility.ts'

export interface NewPost {
  postId: Id
  userId: Id
  caption: string
  hashtags: readonly string[]
  mediaIds: readonly Id[]
  traceparent: string | null
}

/** What creation answers, and what an idempotency key keeps. Ids are text. */
export interface CreatedPostRow {
  post: StoredPost
  event: TidelineEvent<'post.created'>
}

export type StoredPost = Omit<PostRow, 'like_count' | 'comment_count' | 'deleted'> & PersonRow

/** A list of text as one parameter. */
export const textList = (values: readonly string[]): SQL =>
  sql`ARRAY(SELECT jsonb_array_elements_text(${JSON.stringify(values)}::jsonb))`

const storedPost =
  sql.raw(`jsonb_build_object('post_id', p.post_id::text, 'user_id', p.user_id::text, 'caption', p.caption,
  'media_urls', p.media_urls, 'hashtags', to_jsonb(p.hashtags), 'version', p.version, 'state', p.state, 'username', u.username, 'display_name', u.display_name,
  'profile_image_url', u.profile_image_url, 'is_private', u.is_private)`)

/**
 * Writes a post, claims its media, counts it and lays its event into the outbox. Nothing happens unless every media is
 * the author's own, uploaded and in no other post: then there is no row.
 * @throws unique violation `posts_pkey` when the id is taken: use a new one
 */
export function createPost({ postId, userId, caption, hashtags, mediaIds, traceparent }: NewPost): SQL {
  const isVideo = sql.raw(`m.content_type LIKE 'video/%'`)
  const event = factEvent({
    type: 'post.created',
    actor: sql`p.user_id::text`,
    key: sql`p.user_id::text`,
    fact: sql`p.post_id::text`,
    version: sql`p.version`,
    at: sql`p.created_at`,
    data: sql`jsonb_build_object('postId', p.post_id::text, 'userId', p.user_id::text, 'version', p.version,
        'awaitsMedia', p.state <> 'visible', 'hashtags', to_jsonb(p.hashtags))`,
    traceparent,
  })
  return writes(
    userId,
    sql`
    WITH wanted AS (
      SELECT media_id, position FROM unnest(${idList(mediaIds)}) WITH ORDINALITY AS w (media_id, position)
    ), own AS (
      SELECT m.*, w.position FROM media m JOIN wanted w ON w.media_id = m.media_id
       WHERE m.user_id = ${userId}::bigint AND m.post_id IS NULL AND m.state IN ('uploaded', 'ready') FOR UPDATE OF m
    ), p AS (
      INSERT INTO posts (post_id, user_id, caption, media_urls, hashtags, state)
      SELECT ${postId}::bigint, u.user_id, ${caption}, coalesce(list.items, '[]'::jsonb), ${textList(hashtags)},
             CASE WHEN coalesce(list.waits, false) THEN 'awaiting' ELSE 'visible' END
        FROM users u, (
          SELECT count(*) AS found, bool_or(${isVideo} AND m.state <> 'ready') AS waits,
                 jsonb_agg(jsonb_build_object('mediaId', m.media_id::text,
                   'type', CASE WHEN ${isVideo} THEN 'video' ELSE 'image' END, 'key', m.key,
                   'width', coalesce(m.width, 0), 'height', coalesce(m.height, 0), 'alt', m.alt, 'blur', m.blur)
                   ORDER BY m.position) AS items
            FROM own m
        ) list
       WHERE u.user_id = ${userId}::bigint AND u.deleted_at IS NULL AND list.found = ${mediaIds.length}::int
      RETURNING *
    ), claimed AS (
      UPDATE media m SET post_id = p.post_id, version = m.version + 1, updated_at = now() FROM p, wanted w
       WHERE m.media_id = w.media_id
    ), counted AS (
      UPDATE users u SET post_count = post_count + 1 FROM p WHERE u.user_id = p.user_id
    ), answer AS (SELECT ${storedPost} AS post, ${event} AS event
        FROM p JOIN users u ON u.user_id = p.user_id),
    published AS (${outboxFrom(sql`answer`)})
    SELECT post, event FROM answer`,
  )
}

/** Keeps a new post's answer under its key: second statement of the batch. */
export function rememberPost(request: KeyedRequest, postId: Id): SQL {
  return rememberFrom(
    request,
    201,
    storedPost,
    sql`posts p JOIN users u ON u.user_id = p.user_id
    WHERE p.post_id = ${postId}::bigint`,
  )
}

/** Which of these media cannot go into a post of this person, with the reason. Rows `{ media_id, fault }`. */
export function unusableMedia(mediaIds: readonly Id[], userId: Id): SQL {
  return reads(
    userId,
    sql`
    SELECT w.media_id::text, CASE WHEN m.media_id IS NULL OR m.user_id <> ${userId}::bigint THEN 'unknown'
        WHEN m.post_id IS NOT NULL THEN 'used' WHEN m.state = 'failed' THEN 'failed' ELSE 'not-uploaded' END AS fault
      FROM unnest(${idList(mediaIds)}) AS w (media_id) LEFT JOIN media m ON m.media_id = w.media_id
     WHERE m.media_id IS NULL OR m.user_id <> ${userId}::bigint OR m.post_id IS NOT NULL
        OR m.state NOT IN ('uploaded', 'ready')`,
  )
}

export interface PostViewRow extends PostRow, PersonRow {
  /** Answers to conditional reads change with it. */
  version: string | number
}

export interface VisiblePostRow extends PostViewRow {
  /** Answers to conditional reads change with the author's name and picture too. */
  author_version: string | number
}

const postView =
  sql.raw(`p.post_id::text, p.user_id::text, p.caption, p.media_urls, p.hashtags, p.like_count, p.comment_count,
  p.version, p.state, false AS deleted, u.username, u.display_name, u.profile_image_url, u.is_private,
  u.version AS author_version`)

/** Posts by id that a viewer may see, in no order. Rows of `VisiblePostRow`. */
export function visiblePosts(ids: readonly Id[], viewer: Id): SQL {
  return scattered(ids, (own) => postsAmong(own, viewer))
}

/** The same for one database. */
export function postsAmong(ids: readonly Id[], viewer: Id): SQL {
  return sql`SELECT ${postView} FROM posts p JOIN users u ON u.user_id = p.user_id
    WHERE p.post_id = ANY(${idList(ids)}) AND ${postVisible(viewer)}`
}

/** A person's posts that a viewer may see, newest first below `before`. Rows of `VisiblePostRow`. */
export function postsOf(author: Id, viewer: Id, before: Id | null, limit: number): SQL {
  const bound = before === null ? sql`` : sql`AND p.post_id < ${before}::bigint`
  return reads(
    author,
    sql`SELECT ${postView} FROM posts p JOIN users u ON u.user_id = p.user_id
    WHERE p.user_id = ${author}::bigint ${bound} AND ${postVisible(viewer)}
    ORDER BY p.post_id DESC LIMIT ${limit}::int`,
  )
}

export interface PostStandingRow {
  author_id: string
  /** The viewer may see it. */
  visible: boolean
  deleted: boolean
}

/** Who wrote a post and whether a viewer may see it. One row of `PostStandingRow`, none when there never was such a post. */
export function postStanding(postId: Id, viewer: Id): SQL {
  return reads(
    postId,
    sql`SELECT p.user_id::text AS author_id, (${postVisible(viewer)}) AS visible, p.deleted_at IS NOT NULL AS deleted
    FROM posts p JOIN users u ON u.user_id = p.user_id WHERE p.post_id = ${postId}::bigint`,
  )
}

/**
 * Leaves a deleted post where none has come yet: one that comes later under this id finds it taken. Changes nothing where a post
 * stands, and waits for one that is being written. To be followed by `deletePost`.
 */
export function forestallPost(postId: Id, userId: Id): SQL {
  return writes(
    userId,
    sql`INSERT INTO posts (post_id, user_id, media_urls, deleted_at)
    SELECT ${postId}::bigint, user_id, '[]', now() FROM users WHERE user_id = ${userId}::bigint
    ON CONFLICT (post_id) DO NOTHING`,
  )
}

export interface DeletedPostRow {
  event: TidelineEvent<'post.deleted'>
  media_urls: PostMedia[]
  /** Key of the author's own picture: it may be one of the media, and stays. */
  avatar: string | null
}

/** Deletes one's own post, with its event. One row, also when it was deleted before; none when it is not one's own. */
export function deletePost(postId: Id, userId: Id, traceparent: string | null): SQL {
  const event = factEvent({
    type: 'post.deleted',
    actor: sql`p.user_id::text`,
    key: sql`p.user_id::text`,
    fact: sql`p.post_id::text`,
    version: sql`p.version`,
    at: sql`p.deleted_at`,
    data: sql`jsonb_build_object('postId', p.post_id::text, 'userId', p.user_id::text, 'version', p.version)`,
    traceparent,
  })
  return writes(
    userId,
    sql`
    WITH deleted AS (
      UPDATE posts SET deleted_at = now(), version = version + 1
       WHERE post_id = ${postId}::bigint AND user_id = ${userId}::bigint AND deleted_at IS NULL RETURNING *
    ), counted AS (
      UPDATE users u SET post_count = greatest(0, post_count - 1) FROM deleted d WHERE u.user_id = d.user_id
    ), current AS (
      SELECT * FROM deleted
      UNION ALL
      SELECT o.* FROM posts o WHERE o.post_id = ${postId}::bigint AND o.user_id = ${userId}::bigint
         AND o.deleted_at IS NOT NULL AND NOT EXISTS (SELECT 1 FROM deleted)
    ), answer AS (SELECT ${event} AS event, p.media_urls, u.profile_image_url AS avatar
        FROM current p JOIN users u ON u.user_id = p.user_id),
    published AS (${outboxFrom(sql`answer WHERE EXISTS (SELECT 1 FROM deleted)`)})
    SELECT event, media_urls, avatar FROM answer`,
  )
}
