/** Uploads, the jobs that process them, and what they leave in posts. */
import { type SQL, sql } from 'drizzle-orm'
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import { batchIn, everywhere, type Owned, ownRows, reads, taken, writes, writesAcross } from '../placement.ts'

export const instant = (ms: number) => sql`to_timestamp(${ms}::double precision / 1000)`

export interface MediaRow {
  media_id: Id
  user_id: Id
  post_id: Id | null
  key: string
  content_type: string
  bytes: string
  sha256: string | null
  state: 'awaiting_upload' | 'uploaded' | 'ready' | 'failed'
  width: number | null
  height: number | null
  blur: string | null
  alt: string
  failure: string | null
  version: string
  /** The object store's, of an upload in parts. */
  upload_id: string | null
}

const MEDIA = sql.raw(`media_id, user_id, post_id, key, content_type, bytes, sha256, state, width, height, blur, alt,
  failure, version, upload_id`)

export interface NewMedia {
  mediaId: Id
  userId: Id
  key: string
  contentType: string
  bytes: number
  sha256: string | null
  alt: string
  nowMs: number
}

/** Answers the row that stands under the id, new or not: a repetition must find what it made. */
export function insertMedia(media: NewMedia): SQL[] {
  const { mediaId, userId, key, contentType, bytes, sha256, alt, nowMs } = media
  return batchIn(mediaId, [
    sql`INSERT INTO media (media_id, user_id, key, content_type, bytes, sha256, alt, created_at)
      VALUES (${mediaId}::bigint, ${userId}::bigint, ${key}, ${contentType}, ${bytes}::bigint, ${sha256}, ${alt},
              ${instant(nowMs)})
      ON CONFLICT (media_id) DO NOTHING`,
    mediaById(mediaId),
  ])
}

export function mediaById(mediaId: Id): SQL {
  return reads(mediaId, sql`SELECT ${MEDIA} FROM media WHERE media_id = ${mediaId}::bigint`)
}

/** Names the upload in parts that a media awaits; a repetition leaves the first. Rows of `{ upload_id }`: the one that stands, none when it is not awaited any more. */
export function beginParts(mediaId: Id, uploadId: string): SQL {
  return writes(
    mediaId,
    sql`UPDATE media SET upload_id = coalesce(upload_id, ${uploadId}), updated_at = now()
    WHERE media_id = ${mediaId}::bigint AND state = 'awaiting_upload' RETURNING upload_id`,
  )
}

export interface CheckedUpload {
  mediaId: Id
  key: string
  contentType: string
  bytes: number
  sha256: string
  width: number
  height: number
  blur: string
}

/** Rows of the media: none when somebody else completed or refused it first. */
export function acceptUpload(upload: CheckedUpload): SQL {
  const { mediaId, key, contentType, bytes, sha256, width, height, blur } = upload
  return writes(
    mediaId,
    sql`UPDATE media SET state = 'uploaded', key = ${key}, content_type = ${contentType}, bytes = ${bytes}::bigint,
      sha256 = ${sha256}, width = ${width}::int, height = ${height}::int, blur = ${blur},
      version = version + 1, updated_at = now()
    WHERE media_id = ${mediaId}::bigint AND state = 'awaiting_upload' RETURNING ${MEDIA}`,
  )
}

/** Lays the event into the outbox if the upload is accepted; second statement of its batch. */
export function announceUpload(mediaId: Id, event: TidelineEvent): SQL {
  return writes(
    mediaId,
    sql`INSERT INTO outbox (event_id, type, body)
    SELECT ${event.id}, ${event.type}, ${JSON.stringify(event)}::jsonb FROM media
    WHERE media_id = ${mediaId}::bigint AND state = 'uploaded' ON CONFLICT (event_id) DO NOTHING`,
  )
}

export function refuseUpload(mediaId: Id, failure: string): SQL {
  return writes(
    mediaId,
    sql`UPDATE media SET state = 'failed', failure = ${failure}, version = version + 1, updated_at = now()
    WHERE media_id = ${mediaId}::bigint AND state = 'awaiting_upload'`,
  )
}

/** Fails up to `limit` uploads of each database that nobody completed; rows of `{ key, upload_id }`. */
export function expireUploads(beforeMs: number, limit: number): SQL {
  const statement = (
    owned: Owned,
  ) => sql`UPDATE media SET state = 'failed', failure = 'never-completed', version = version + 1, updated_at = now()
    WHERE media_id IN (SELECT media_id FROM media WHERE state = 'awaiting_upload' AND created_at < ${instant(beforeMs)}
        AND ${owned('media_id')} ORDER BY created_at LIMIT ${limit}::int FOR UPDATE SKIP LOCKED)
    RETURNING key, upload_id`
  return taken(statement)
}

/** One job a media; a repetition leaves the first. */
export function insertJob(mediaId: Id, nowMs: number): SQL {
  return writes(
    mediaId,
    sql`INSERT INTO media_jobs (media_id, run_after) VALUES (${mediaId}::bigint, ${instant(nowMs)})
    ON CONFLICT (media_id) DO NOTHING`,
  )
}

export interface Lease {
  owner: string
  nowMs: number
  untilMs: number
}

/**
 * Takes the job that is due longest, or whose lease has run out. Rows of `{ media_id, attempts }`: one or none. Of several
 * databases the first that has one gives it; which is asked first changes with the instant, so that none is always last. The failure
 * of one that is away is thrown when no other has a job.
 */
export function leaseJob({ owner, nowMs, untilMs }: Lease): SQL {
  const { alone, among } = ownRows(
    (owned) => sql`UPDATE media_jobs SET state = 'running', lease_owner = ${owner}, lease_until = ${instant(untilMs)},
      attempts = attempts + 1
    WHERE media_id = (SELECT media_id FROM media_jobs
      WHERE ((state = 'waiting' AND run_after <= ${instant(nowMs)})
         OR (state = 'running' AND lease_until <= ${instant(nowMs)})) AND ${owned('media_id')}
      ORDER BY run_after LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING media_id, attempts`,
  )
  return writesAcross(alone, async ({ all }) => {
    const from = nowMs % all.length
    const failures: unknown[] = []
    for (const database of [...all.slice(from), ...all.slice(0, from)]) {
      try {
        const rows = await database.query(among)
        if (rows.length > 0) return rows
      } catch (error) {
        failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
    return []
  })
}

export const held = (mediaId: Id, owner: string) =>
  sql`media_id = ${mediaId}::bigint AND state = 'running' AND lease_owner = ${owner}`

/** Rows of `{ media_id }`: none when the lease is lost. */
export function renewLease(mediaId: Id, owner: string, untilMs: number): SQL {
  return writes(
    mediaId,
    sql`UPDATE media_jobs SET lease_until = ${instant(untilMs)} WHERE ${held(mediaId, owner)} RETURNING media_id`,
  )
}

export interface Release {
  state: 'waiting' | 'dead'
  runAfterMs: number
  failure: string
  /** Whether the try counts: one that met an outage does not. */
  isCounted: boolean
}

/** Puts a failed job back until later, or gives it up. */
export function releaseJob(mediaId: Id, owner: string, next: Release): SQL {
  return writes(
    mediaId,
    sql`UPDATE media_jobs SET state = ${next.state}, run_after = ${instant(next.runAfterMs)},
      failure = ${next.failure}, lease_owner = NULL, lease_until = NULL,
      attempts = attempts - ${next.isCounted ? 0 : 1}::int
    WHERE ${held(mediaId, owner)}`,
  )
}

/** Queues all jobs anew that were given up. Rows of `{ media_id }`. */
export function reviveJobs(nowMs: number): SQL {
  const statement = (
    owned: Owned,
  ) => sql`UPDATE media_jobs SET state = 'waiting', attempts = 0, run_after = ${instant(nowMs)}
    WHERE state = 'dead' AND ${owned('media_id')} RETURNING media_id`
  return taken(statement)
}

export interface StoredVariant {
  name: string
  key: string
  width: number
  height: number
  contentType: string
}

export interface FinishedMedia {
  /** Of the original that the variants were made of. */
  key: string
  variants: readonly StoredVariant[]
}

/**
 * Ends a job whose lease is still held and whose original was not moved: the media is ready, its post's item shows what
 * was computed, the event is in the outbox with the post that the media went into meanwhile. One transaction; the last
 * statement answers `{ body }`, the event, or nothing when the lease was lost. Each statement sees what a racing creation
 * of the post has committed.
 */
export function finishJob(mediaId: Id, owner: string, { key, variants }: FinishedMedia, event: TidelineEvent): SQL[] {
  const unmoved = sql`media_id = ${mediaId}::bigint AND key = ${key}`
  return batchIn(mediaId, [
    sql`UPDATE media SET state = 'ready', variants = ${JSON.stringify(variants)}::jsonb, version = version + 1,
        updated_at = now()
      WHERE ${unmoved} AND state = 'uploaded'
        AND EXISTS (SELECT 1 FROM media_jobs WHERE ${held(mediaId, owner)} FOR UPDATE)`,
    writeBack(mediaId),
    sql`WITH done AS (
        UPDATE media_jobs SET state = 'done', failure = NULL, lease_owner = NULL, lease_until = NULL
        WHERE ${held(mediaId, owner)} AND EXISTS (SELECT 1 FROM media WHERE ${unmoved}) RETURNING media_id
      )
      INSERT INTO outbox (event_id, type, body)
      SELECT ${event.id}, ${event.type},
        jsonb_set(jsonb_set(${JSON.stringify(event)}::jsonb, '{data,postId}', coalesce(to_jsonb(m.post_id::text), 'null')),
                  '{data,version}', to_jsonb(m.version))
      FROM media m JOIN done USING (media_id) WHERE m.state = 'ready'
      ON CONFLICT (event_id) DO UPDATE SET published_at = NULL RETURNING body`,
  ])
}

/** Brings key, width, height and blur of the media into its post's item; the post's version rises only if one differs. */
export function writeBack(mediaId: Id): SQL {
  return writes(
    mediaId,
    sql`WITH m AS (
      SELECT post_id, media_id, jsonb_build_object('key', key, 'width', width, 'height', height, 'blur', blur) AS facts
      FROM media WHERE media_id = ${mediaId}::bigint AND state IN ('uploaded', 'ready') AND post_id IS NOT NULL
    ), written AS (
      SELECT m.post_id, (SELECT jsonb_agg(CASE WHEN item ->> 'mediaId' = m.media_id::text THEN item || m.facts ELSE item END
          ORDER BY position)
        FROM jsonb_array_elements(p.media_urls) WITH ORDINALITY AS i (item, position)) AS media_urls
      FROM m JOIN posts p ON p.post_id = m.post_id
    )
    UPDATE posts p SET media_urls = w.media_urls, version = p.version + 1 FROM written w
    WHERE p.post_id = w.post_id AND p.media_urls IS DISTINCT FROM w.media_urls AND p.deleted_at IS NULL`,
  )
}

export interface DeletedMediaRow {
  media_id: Id
  avatar: string | null
}

/** The media of a deleted post, with their owner's picture. Rows of `DeletedMediaRow`; none while the post stands. */
export function mediaOfDeletedPost(postId: Id): SQL {
  return reads(
    postId,
    sql`
    SELECT m.media_id, u.profile_image_url AS avatar
      FROM media m JOIN posts p ON p.post_id = m.post_id LEFT JOIN users u ON u.user_id = m.user_id
     WHERE m.post_id = ${postId}::bigint AND p.deleted_at IS NOT NULL`,
  )
}

export interface JobsRow {
  /** That wait or are under way. */
  jobs: number
  /** That were given up, though their media are still wanted. */
  given_up: number
}

/** One row of each database. */
export function countJobs(): SQL {
  return everywhere(
    (owned) => sql`SELECT
      (SELECT count(*)::int FROM media_jobs WHERE state IN ('waiting', 'running') AND ${owned('media_id')}) AS jobs,
      (SELECT count(*)::int FROM media_jobs j JOIN media m ON m.media_id = j.media_id
         LEFT JOIN posts p ON p.post_id = m.post_id
        WHERE j.state = 'dead' AND p.deleted_at IS NULL AND ${owned('j.media_id')}) AS given_up`,
  )
}
