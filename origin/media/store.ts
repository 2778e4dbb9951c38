/** Where uploads and their jobs are kept. */
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import type { Counts, PostRecord } from '#core/timeline/index.ts'
import type { CheckedUpload, FinishedMedia, Lease, NewMedia, Release } from '#drizzle/queries/media.ts'
import type { Move } from '#drizzle/queries/media-places.ts'

export type { CheckedUpload, FinishedMedia, Lease, NewMedia, Release, StoredVariant } from '#drizzle/queries/media.ts'

export interface Media {
  mediaId: Id
  userId: Id
  key: string
  contentType: string
  bytes: number
  sha256: string | null
  state: 'awaiting_upload' | 'uploaded' | 'ready' | 'failed'
  width: number | null
  height: number | null
  blur: string | null
  alt: string
  failure: string | null
  /** The object store's, of an upload in parts. */
  uploadId: string | null
}

export interface MediaStore {
  /** Adds a media, or answers the one that has its id already. */
  create(media: NewMedia): Promise<Media>
  find(mediaId: Id): Promise<Media | null>
  /** Names an upload in parts. @returns the one that stands, an earlier one's if there is; null when none is awaited any more */
  beginParts(mediaId: Id, uploadId: string): Promise<string | null>
  /** Accepts an awaited upload with its event; null when it is not awaited any more. */
  accept(upload: CheckedUpload, event: TidelineEvent): Promise<Media | null>
  refuse(mediaId: Id, failure: string): Promise<void>
  /** Fails uploads that were never completed and answers where they lie. */
  expire(beforeMs: number, limit: number): Promise<Pick<Media, 'key' | 'uploadId'>[]>
  /** The media of a post that is deleted, with the owner's picture of each; none while it stands. */
  ofDeletedPost(postId: Id): Promise<{ mediaId: Id; avatar: string | null }[]>
  /** Whether the account shows its posts to followers only; false when there is none. */
  isPrivate(userId: Id): Promise<boolean>
  place(mediaId: Id): Promise<MediaPlace | null>
  /** A post as readers are to see it; null when it is deleted. */
  post(postId: Id): Promise<{ post: PostRecord; counts: Counts } | null>
  /** Writes a picture's new key wherever it stands; false when its key was not `from` any more. */
  move(mediaId: Id, move: Move): Promise<boolean>
  /** The log has the event. */
  published(event: { id: string; key: Id }): Promise<void>
}

/** Where a media lies, and what decides where it belongs. */
export interface MediaPlace {
  mediaId: Id
  userId: Id
  postId: Id | null
  key: string
  state: Media['state']
  version: number
  isDeleted: boolean
  /** The account shows its posts to followers only. */
  ownerIsPrivate: boolean
  /** Key of the owner's own picture. */
  avatar: string | null
}

/** What caches at the edge shall forget. */
export interface PurgeStore {
  request(tags: readonly string[], nowMs: number): Promise<void>
  due(beforeMs: number, limit: number): Promise<DuePurge[]>
  done(purges: readonly DuePurge[]): Promise<void>
}

export interface DuePurge {
  tag: string
  version: string
}

/** Jobs are leased: a worker that dies loses them to another when the lease runs out, and nothing waits for it. */
export interface MediaJobs {
  add(mediaId: Id, nowMs: number): Promise<void>
  /** Queues the public media of all private accounts, for a start. */
  addExposed(nowMs: number): Promise<void>
  /** Queues the media of an account that lie where they do not belong. @returns how many */
  addMoves(userId: Id, nowMs: number): Promise<number>
  lease(lease: Lease): Promise<{ mediaId: Id; attempts: number } | null>
  /** False when the lease was lost to another worker. */
  renew(mediaId: Id, owner: string, untilMs: number): Promise<boolean>
  release(mediaId: Id, owner: string, next: Release): Promise<void>
  /** Queues all jobs anew that were given up. @returns how many */
  revive(nowMs: number): Promise<number>
  /** Ends the job and answers the event as it was written, or null when the lease was lost, or the original moved. */
  finish(mediaId: Id, owner: string, finished: FinishedMedia, event: TidelineEvent): Promise<TidelineEvent | null>
  /** Ends a job of a media that was ready before. False when the lease was lost. */
  end(mediaId: Id, owner: string): Promise<boolean>
}
