/** Where uploads and their jobs are kept. */
import type { TidelineEvent } from '#core/events.ts'
import type { Id } from '#core/ids.ts'
import type { CheckedUpload, Lease, NewMedia, StoredVariant } from '#drizzle/queries/media.ts'

export type { CheckedUpload, Lease, NewMedia, StoredVariant } from '#drizzle/queries/media.ts'

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
}

export interface MediaStore {
  /** Adds a media, or answers the one that has its id already. */
  create(media: NewMedia): Promise<Media>
  find(mediaId: Id): Promise<Media | null>
  /** Accepts an awaited upload with its event; null when it is not awaited any more. */
  accept(upload: CheckedUpload, event: TidelineEvent): Promise<Media | null>
  refuse(mediaId: Id, failure: string): Promise<void>
  /** Fails uploads that were never completed and answers their keys. */
  expire(beforeMs: number, limit: number): Promise<string[]>
  /** The media of a post that is deleted; none while it stands. */
  ofDeletedPost(postId: Id): Promise<Id[]>
  /** The log has the event. */
  published(eventId: string): Promise<void>
}

/** Jobs are leased: a worker that dies loses them to another when the lease runs out, and nothing waits for it. */
export interface MediaJobs {
  add(mediaId: Id, nowMs: number): Promise<void>
  lease(lease: Lease): Promise<{ mediaId: Id; attempts: number } | null>
  /** False when the lease was lost to another worker. */
  renew(mediaId: Id, owner: string, untilMs: number): Promise<boolean>
  release(
    mediaId: Id,
    owner: string,
    next: { state: 'waiting' | 'dead'; runAfterMs: number; failure: string },
  ): Promise<void>
  /** Ends the job and answers the event as it was written, or null when the lease was lost. */
  finish(
    mediaId: Id,
    owner: string,
    variants: readonly StoredVariant[],
    event: TidelineEvent,
  ): Promise<TidelineEvent | null>
}
