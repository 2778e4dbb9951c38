/** Where pictures lie, for everyone or signed, and what caches shall forget of them. */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import { batchIn, everywhere, inDirectory, type Owned, reads, writes } from '../placement.ts'
import { idList } from './feed.ts'
import { held, instant, writeBack } from './media.ts'
import { textList } from './posts.ts'

export interface MediaPlaceRow {
  key: string
  state: 'awaiting_upload' | 'uploaded' | 'ready' | 'failed'
  version: string
  user_id: Id
  post_id: Id | null
  post_deleted: boolean
  owner_private: boolean
  /** Key of the owner's own picture, which everyone may see. */
  avatar: string | null
}

/** Where a media lies and what decides where it belongs. One row of `MediaPlaceRow`, none when there is no such media. */
export function mediaPlace(mediaId: Id): SQL {
  return reads(
    mediaId,
    sql`SELECT m.key, m.state, m.version, m.user_id, m.post_id, p.deleted_at IS NOT NULL AS post_deleted,
      coalesce(u.is_private, false) AS owner_private, u.profile_image_url AS avatar
    FROM media m LEFT JOIN users u ON u.user_id = m.user_id LEFT JOIN posts p ON p.post_id = m.post_id
    WHERE m.media_id = ${mediaId}::bigint`,
  )
}

/** One row `{ is_private }`; none when there is no such account. */
export function accountPrivacy(userId: Id): SQL {
  return reads(userId, sql`SELECT is_private FROM users WHERE user_id = ${userId}::bigint`)
}

export interface Move {
  from: string
  to: string
}

const withoutExtension = (key: string) => key.replace(/\.[0-9a-z]+$/, '')

/**
 * Writes a picture's new key into its row, its variants and its post, in one transaction. The first statement answers a row
 * `{ media_id }`, none when the key was not `from` any more.
 */
export function moveMedia(mediaId: Id, { from, to }: Move): SQL[] {
  return batchIn(mediaId, [
    sql`UPDATE media SET key = ${to}, version = version + 1, updated_at = now(),
        variants = replace(variants::text, ${withoutExtension(from)}, ${withoutExtension(to)})::jsonb
      WHERE media_id = ${mediaId}::bigint AND key = ${from} RETURNING media_id`,
    writeBack(mediaId),
  ])
}

/**
 * Queues the media of an account that lie in the wrong place, and a private one that is also its owner's own picture. A job
 * under way loses its lease and comes again: it may have looked before the account changed. Rows of `{ media_id }`.
 */
export function queueMoves(userId: Id, nowMs: number): SQL {
  const statement = queueWhere(
    sql`m.user_id = ${userId}::bigint AND (starts_with(m.key, 'private/') <> u.is_private
      OR (u.is_private AND starts_with(u.profile_image_url, 'media/' || m.media_id || '/')))`,
    nowMs,
  )
  return writes(userId, statement)
}

/** Queues the public media of all private accounts: what was uploaded before there was a private place, or whose event was lost. */
export function queueExposed(nowMs: number): SQL {
  const exposed = (owned: Owned) =>
    queueWhere(sql`u.is_private AND NOT starts_with(m.key, 'private/') AND ${owned('m.media_id')}`, nowMs)
  return everywhere(exposed, { isRead: false })
}

function queueWhere(condition: SQL, nowMs: number): SQL {
  return sql`INSERT INTO media_jobs (media_id, run_after)
    SELECT m.media_id, ${instant(nowMs)} FROM media m JOIN users u ON u.user_id = m.user_id
     WHERE m.state IN ('uploaded', 'ready') AND ${condition}
    ON CONFLICT (media_id) DO UPDATE SET state = 'waiting', attempts = 0, lease_owner = NULL, lease_until = NULL,
      run_after = EXCLUDED.run_after
    RETURNING media_id`
}

/** Ends a job without an event: the media was ready before. Rows of `{ media_id }`: none when the lease was lost. */
export function endJob(mediaId: Id, owner: string): SQL {
  return writes(
    mediaId,
    sql`UPDATE media_jobs SET state = 'done', failure = NULL, lease_owner = NULL, lease_until = NULL
    WHERE ${held(mediaId, owner)} RETURNING media_id`,
  )
}

/** Asks for purges; what was asked for already is asked for once more. */
export function requestPurges(tags: readonly string[], nowMs: number): SQL {
  return inDirectory(sql`INSERT INTO cache_purges (tag, requested_at) SELECT unnest(${textList(tags)}), ${instant(nowMs)}
    ON CONFLICT (tag) DO UPDATE SET version = cache_purges.version + 1, requested_at = EXCLUDED.requested_at`)
}

export interface PurgeRow {
  tag: string
  version: string
}

/** The purges asked for before an instant, oldest first. Rows of `PurgeRow`. */
export function duePurges(beforeMs: number, limit: number): SQL {
  return inDirectory(sql`SELECT tag, version FROM cache_purges WHERE requested_at <= ${instant(beforeMs)}
    ORDER BY requested_at LIMIT ${limit}::int`)
}

/** Removes purges that were carried out; one that was asked for again since stays. */
export function purged(rows: readonly PurgeRow[]): SQL {
  return inDirectory(sql`DELETE FROM cache_purges c
    USING unnest(${textList(rows.map((row) => row.tag))}, ${idList(rows.map((row) => String(row.version)))}) AS d (tag, version)
    WHERE c.tag = d.tag AND c.version = d.version`)
}
