/** The rules of uploads: announced, put into the object store by the client itself, checked, and then offered to posts. */
import { createHash } from 'node:crypto'
import { makeEvent, type TidelineEvent } from '#core/events.ts'
import type { Clock, Id, Random } from '#core/ids.ts'
import { CONTENT_TYPE, isPrivateKey } from '#core/image/key.ts'
import { problems } from '#core/problem.ts'
import type { HandlerInput } from '../internal-api.ts'
import type { ObjectStore } from '../objects/index.ts'
import { type InspectedPicture, inspectPicture, UploadRefused } from './inspect.ts'
import { comesInParts, joinParts, type NamedPart, PART_BYTES, presignParts } from './parts.ts'
import { copyForAll, storedCacheControl } from './place.ts'
import { checkAnnounced, originalKey, refusedUpload, uploadKey } from './rules.ts'
import type { Media, MediaStore } from './store.ts'

/** How long a client may take to send its file: 20 MB over a slow line, and a retry or two. */
export const UPLOAD_SECONDS = 3_600

export interface MediaParts {
  store: MediaStore
  objects: ObjectStore
  publish(events: readonly TidelineEvent[]): Promise<void>
  clock: Clock
  random: Random
  randomHex(): string
}

export function mediaService(parts: MediaParts) {
  const { store, objects, clock } = parts
  return {
    create: (input: HandlerInput<'media.create'>) => announce(parts, input),

    complete: (input: HandlerInput<'media.complete'>, traceparent: string | null) =>
      complete(parts, input, traceparent),

    async get(mediaId: Id): Promise<Media> {
      const media = await store.find(mediaId)
      if (media === null) throw problems.notFound('media')
      return media
    },

    /** Has a picture ready for all to see, as its owner's own: a private one is copied. Nothing for what is not theirs. */
    async openForAll({ mediaId, userId }: HandlerInput<'media.openForAll'>) {
      const media = await store.find(mediaId)
      if (media?.userId === userId && isPrivateKey(media.key)) await copyForAll(media.key, objects)
      return {}
    },

    /** Fails uploads that nobody completed. @returns how many */
    async sweep(limit: number): Promise<number> {
      const expired = await store.expire(clock() - 2 * UPLOAD_SECONDS * 1_000, limit)
      await objects.delete(expired.map(({ key }) => key))
      for (const { key, uploadId } of expired) if (uploadId !== null) await objects.abortMultipart({ key, uploadId })
      return expired.length
    },
  }
}

/** Where the client is to put its file, or each part of it. May be repeated: the same upload gets an address again. */
async function announce(parts: MediaParts, input: HandlerInput<'media.create'>) {
  const { mediaId, userId, bytes, sha256, alt } = input
  const contentType = CONTENT_TYPE[checkAnnounced(input.contentType, bytes)]
  const key = uploadKey(mediaId, parts.randomHex())
  const nowMs = parts.clock()
  const media = await parts.store.create({ mediaId, userId, key, contentType, bytes, sha256, alt, nowMs })
  if (media.userId === userId && media.state !== 'awaiting_upload') {
    // A late repetition, not a collision: it must not become a second upload.
    throw problems.conflict('already-uploaded', 'This upload has arrived; announce another one.')
  }
  if (!isSameUpload(media, { userId, contentType, bytes, sha256 })) {
    throw problems.conflict('id-taken', 'This media id is taken; use another one.')
  }
  const isInParts = comesInParts(bytes, input.multipart || media.uploadId !== null)
  const puts = isInParts ? await presignParts(media, UPLOAD_SECONDS, parts) : [await presignWhole(media, parts.objects)]
  const uploads = puts.map(({ url, headers }) => ({ url, headers: { ...headers } }))
  const expiresMs = Math.min(...puts.map(({ expiresAt }) => expiresAt))
  return { mediaId, key: media.key, uploads, partBytes: isInParts ? PART_BYTES : null, expiresMs }
}

const presignWhole = ({ key, contentType, bytes, sha256 }: Media, objects: ObjectStore) =>
  objects.presignPut({
    key,
    contentType,
    contentLength: bytes,
    expiresSeconds: UPLOAD_SECONDS,
    ...(sha256 === null ? {} : { checksumSha256: Buffer.from(sha256, 'hex').toString('base64') }),
  })

/** Checks the file that arrived. May be repeated: what has been decided is answered again. */
async function complete(
  parts: MediaParts,
  { mediaId, userId, parts: named }: HandlerInput<'media.complete'>,
  traceparent: string | null,
): Promise<Media> {
  const { store, objects } = parts
  const media = await store.find(mediaId)
  if (media === null || media.userId !== userId) throw problems.notFound('media')
  if (media.state === 'failed') throw refusedUpload(media.failure ?? '')
  if (media.state !== 'awaiting_upload') return media
  const bytes = await readUpload(objects, media, named)
  if (bytes === undefined) return decidedMeanwhile(store, mediaId)
  if (bytes instanceof UploadRefused) return refuse(parts, media, bytes)
  const picture = await inspectPicture(bytes, checkAnnounced(media.contentType, media.bytes)).catch(asRefusal)
  if (picture instanceof UploadRefused) return refuse(parts, media, picture)
  return accept(parts, media, picture, traceparent)
}

/** Puts a checked picture where it belongs, and has its variants made. */
async function accept(
  parts: MediaParts,
  media: Media,
  picture: InspectedPicture,
  traceparent: string | null,
): Promise<Media> {
  const { store, objects } = parts
  const { mediaId, userId } = media
  // An account that changes just now is met by the job that follows.
  const isPrivate = await store.isPrivate(userId)
  const keyIf = (hidden: boolean) => originalKey(mediaId, picture.sha256, picture.type, hidden)
  const key = keyIf(isPrivate)
  const { contentType, sha256, width, height, blur } = picture
  await objects.put(key, picture.bytes, { contentType, cacheControl: storedCacheControl(key) })
  const data = { mediaId, userId }
  const event = makeEvent(
    { type: 'media_processing', key: mediaId, actor: userId, data, traceparent, id: `media:${mediaId}` },
    parts.clock,
    parts.random,
  )
  const checked = { mediaId, key, contentType, bytes: picture.bytes.length, sha256, width, height, blur }
  const accepted = await store.accept(checked, event)
  if (accepted === null) {
    await withdraw(key, mediaId, parts)
    return decidedMeanwhile(store, mediaId)
  }
  // The outbox holds what the log does not take now.
  await parts.publish([event]).then(
    () => store.published(event),
    () => {},
  )
  // What another completion has put where the picture does not belong goes too; it removes what it puts there later.
  // What is left of the upload is swept if this fails: nothing serves it.
  await objects.delete([media.key, keyIf(!isPrivate)]).catch(() => {})
  return accepted
}

async function refuse({ store, objects }: MediaParts, media: Media, refusal: UploadRefused): Promise<never> {
  const { mediaId, key, uploadId } = media
  await store.refuse(mediaId, refusal.fault)
  await objects.delete([key])
  if (uploadId !== null) await objects.abortMultipart({ key, uploadId })
  throw refusedUpload(refusal.fault)
}

function isSameUpload(media: Media, other: Pick<Media, 'userId' | 'contentType' | 'bytes' | 'sha256'>): boolean {
  return (
    media.state === 'awaiting_upload' &&
    media.userId === other.userId &&
    media.contentType === other.contentType &&
    media.bytes === other.bytes &&
    media.sha256 === other.sha256
  )
}

/** Another completion decided: what this one has put elsewhere goes, unless its owner shows it as their own picture by now. */
async function withdraw(key: string, mediaId: Id, { store, objects }: Pick<MediaParts, 'store' | 'objects'>) {
  const place = await store.place(mediaId)
  if (place?.key !== key && place?.avatar !== key) await objects.delete([key])
}

/** The file that arrived, its parts joined. Undefined when there is none. */
async function readUpload(
  objects: ObjectStore,
  media: Media,
  named: readonly NamedPart[] | null,
): Promise<Uint8Array | UploadRefused | undefined> {
  if (media.uploadId === null && named !== null) throw problems.badRequest('This upload has no parts.')
  const refusal = media.uploadId === null ? null : await joinParts(media, media.uploadId, named, objects)
  if (refusal !== null) return refusal
  const object = await objects.get(media.key)
  if (object === undefined) return undefined
  if (object.size !== media.bytes) {
    await object.body.cancel()
    return new UploadRefused('wrong-size')
  }
  const bytes = new Uint8Array(await new Response(object.body).arrayBuffer())
  const isRight = media.sha256 === null || createHash('sha256').update(bytes).digest('hex') === media.sha256
  return isRight ? bytes : new UploadRefused('wrong-content')
}

function asRefusal(error: unknown): UploadRefused {
  if (error instanceof UploadRefused) return error
  throw error
}

/**
 * Two completions at once: the slower one answers what the faster one decided.
 * @throws Problem 409 when nothing was decided: the file has not arrived yet
 */
async function decidedMeanwhile(store: MediaStore, mediaId: Id): Promise<Media> {
  const media = await store.find(mediaId)
  if (media === null) throw problems.notFound('media')
  if (media.state === 'failed') throw refusedUpload(media.failure ?? '')
  if (media.state === 'awaiting_upload') {
    throw problems.conflict('not-uploaded', 'The file has not arrived yet; upload it first.')
  }
  return media
}
