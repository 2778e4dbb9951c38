import type { TidelineEvent } from '#core/events.ts'
import type { Database } from '#drizzle/database.ts'
import { type PostRow, postRecord, postsByIds } from '#drizzle/queries/feed.ts'
import * as queries from '#drizzle/queries/media.ts'
import * as places from '#drizzle/queries/media-places.ts'
import { markPublished } from '#drizzle/queries/outbox.ts'
import type { Media, MediaJobs, MediaPlace, MediaStore, PurgeStore } from './store.ts'

export function postgresMedia(database: Database): MediaStore {
  return {
    async create(media) {
      const [, rows] = await database.batch(queries.insertMedia(media))
      return readMedia(rows![0] as unknown as queries.MediaRow)
    },
    async find(mediaId) {
      const [row] = await database.query<queries.MediaRow>(queries.mediaById(mediaId))
      return row === undefined ? null : readMedia(row)
    },
    async beginParts(mediaId, uploadId) {
      const [row] = await database.query<{ upload_id: string }>(queries.beginParts(mediaId, uploadId))
      return row?.upload_id ?? null
    },
    async accept(upload, event) {
      const [rows] = await database.batch([queries.acceptUpload(upload), queries.announceUpload(upload.mediaId, event)])
      const row = rows![0]
      return row === undefined ? null : readMedia(row as unknown as queries.MediaRow)
    },
    async refuse(mediaId, failure) {
      await database.query(queries.refuseUpload(mediaId, failure))
    },
    async expire(beforeMs, limit) {
      type Expired = Pick<queries.MediaRow, 'key' | 'upload_id'>
      const rows = await database.query<Expired>(queries.expireUploads(beforeMs, limit))
      return rows.map((row) => ({ key: row.key, uploadId: row.upload_id }))
    },
    async ofDeletedPost(postId) {
      const rows = await database.query<queries.DeletedMediaRow>(queries.mediaOfDeletedPost(postId))
      return rows.map((row) => ({ mediaId: String(row.media_id), avatar: row.avatar }))
    },
    async isPrivate(userId) {
      const [row] = await database.query<{ is_private: boolean }>(places.accountPrivacy(userId))
      return row?.is_private ?? false
    },
    async place(mediaId) {
      const [row] = await database.query<places.MediaPlaceRow>(places.mediaPlace(mediaId))
      return row === undefined ? null : readPlace(mediaId, row)
    },
    async post(postId) {
      const [row] = await database.query<PostRow>(postsByIds([postId]))
      if (row === undefined || row.deleted) return null
      return { post: postRecord(row), counts: { likes: row.like_count, comments: row.comment_count } }
    },
    async move(mediaId, move) {
      const [rows] = await database.batch(places.moveMedia(mediaId, move))
      return rows!.length > 0
    },
    async published(event) {
      await database.query(markPublished([event]))
    },
  }
}

export function postgresMediaJobs(database: Database): MediaJobs {
  return {
    async add(mediaId, nowMs) {
      await database.query(queries.insertJob(mediaId, nowMs))
    },
    async addExposed(nowMs) {
      await database.query(places.queueExposed(nowMs))
    },
    async addMoves(userId, nowMs) {
      return (await database.query(places.queueMoves(userId, nowMs))).length
    },
    async lease(lease) {
      const [row] = await database.query<{ media_id: string; attempts: number }>(queries.leaseJob(lease))
      return row === undefined ? null : { mediaId: row.media_id, attempts: row.attempts }
    },
    async renew(mediaId, owner, untilMs) {
      return (await database.query(queries.renewLease(mediaId, owner, untilMs))).length > 0
    },
    async release(mediaId, owner, next) {
      await database.query(queries.releaseJob(mediaId, owner, next))
    },
    async revive(nowMs) {
      return (await database.query(queries.reviveJobs(nowMs))).length
    },
    async end(mediaId, owner) {
      return (await database.query(places.endJob(mediaId, owner))).length > 0
    },
    async finish(mediaId, owner, finished, event) {
      const results = await database.batch(queries.finishJob(mediaId, owner, finished, event))
      const written = results.at(-1)?.[0]
      return written === undefined ? null : (written.body as TidelineEvent)
    },
  }
}

export function postgresPurges(database: Database): PurgeStore {
  return {
    async request(tags, nowMs) {
      await database.query(places.requestPurges(tags, nowMs))
    },
    due: (beforeMs, limit) => database.query<places.PurgeRow>(places.duePurges(beforeMs, limit)),
    async done(purges) {
      await database.query(places.purged(purges))
    },
  }
}

function readPlace(mediaId: string, row: places.MediaPlaceRow): MediaPlace {
  return {
    mediaId,
    userId: row.user_id,
    postId: row.post_id,
    key: row.key,
    state: row.state,
    version: Number(row.version),
    isDeleted: row.post_deleted,
    ownerIsPrivate: row.owner_private,
    avatar: row.avatar,
  }
}

function readMedia(row: queries.MediaRow): Media {
  return {
    mediaId: row.media_id,
    userId: row.user_id,
    key: row.key,
    contentType: row.content_type,
    bytes: Number(row.bytes),
    sha256: row.sha256,
    state: row.state,
    width: row.width,
    height: row.height,
    blur: row.blur,
    alt: row.alt,
    failure: row.failure,
    uploadId: row.upload_id,
  }
}
