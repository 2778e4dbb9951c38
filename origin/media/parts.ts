/** Large files come in parts, each by a presigned PUT of its own: promised, compared with what has arrived, and joined. */
import { type Problem, problems } from '#core/problem.ts'
import {
  bareEtag,
  type ObjectStore,
  ObjectStoreError,
  type PresignedRequest,
  type UploadedPart,
} from '../objects/index.ts'
import { UploadRefused } from './inspect.ts'
import type { Media, MediaStore } from './store.ts'

/**
 * Bytes of each part but the last. S3 takes 5 MiB or more and 10,000 of them, 80 GB in all; a line that breaks off costs
 * eight. Addresses that were handed out hold for an hour: whoever changes this lets uploads under way begin anew.
 */
export const PART_BYTES = 8 * 1024 * 1024

/** What is larger than one part comes in parts; so does what is asked to. */
export const comesInParts = (bytes: number, isAskedFor: boolean): boolean => isAskedFor || bytes > PART_BYTES

/** Bytes of each part of a file, in order. @param bytes of the file, 1 or more */
export function partSizes(bytes: number): number[] {
  const count = Math.ceil(bytes / PART_BYTES)
  return Array.from({ length: count }, (_, i) => Math.min(PART_BYTES, bytes - i * PART_BYTES))
}

/** As a client names it: the number from 1, and the ETag that the store answered. */
export interface NamedPart {
  part: number
  etag: string
}

type Needs = { store: Pick<MediaStore, 'beginParts'>; objects: ObjectStore }

/**
 * Where the client is to put each part. May be repeated: the upload that was begun is gone on with.
 * @throws Problem 409 when the upload is decided by now
 */
export async function presignParts(
  media: Media,
  expiresSeconds: number,
  { store, objects }: Needs,
): Promise<PresignedRequest[]> {
  const uploadId = media.uploadId ?? (await beginUpload(media, { store, objects }))
  const parts = partSizes(media.bytes).map((contentLength, i) =>
    objects.presignPart({ key: media.key, uploadId, partNumber: i + 1, contentLength, expiresSeconds }),
  )
  return Promise.all(parts)
}

async function beginUpload({ mediaId, key, contentType }: Media, { store, objects }: Needs): Promise<string> {
  const { uploadId } = await objects.createMultipart({ key, contentType })
  const standing = await store.beginParts(mediaId, uploadId)
  // Another announcement was quicker. If this fails, the store drops it by its own rule, as it does when we die before the row is written.
  if (standing !== uploadId) await objects.abortMultipart({ key, uploadId }).catch(() => {})
  if (standing === null) throw problems.conflict('already-uploaded', 'This upload has arrived; announce another one.')
  return standing
}

/**
 * Joins the parts that have arrived, if nobody has joined them before.
 * @param named what the client has sent; null: whatever has arrived
 * @returns why the upload is refused for good; null: it is joined, or nothing is left to join
 * @throws Problem 409 `not-uploaded` while parts are missing, 409 `part-mismatch` when one is another than was named, 400
 * when not each was named once
 */
export async function joinParts(
  { key, bytes }: Media,
  uploadId: string,
  named: readonly NamedPart[] | null,
  objects: ObjectStore,
): Promise<UploadRefused | null> {
  const sizes = partSizes(bytes)
  if (named !== null) checkNamed(named, sizes.length)
  const arrived = await objects.listParts({ key, uploadId })
  if (arrived === undefined) return null
  const missing = sizes.findIndex((_, i) => !arrived.some(({ partNumber }) => partNumber === i + 1))
  if (missing >= 0) throw notArrived(missing + 1, sizes.length)
  const etags = named === null ? null : new Map(named.map(({ part, etag }) => [part, bareEtag(etag)]))
  const chosen = sizes.map((_, i) => meant(arrived, i + 1, etags?.get(i + 1) ?? null))
  if (chosen.some(({ size }, i) => size !== sizes[i])) return new UploadRefused('wrong-size')
  try {
    await objects.completeMultipart({ key, uploadId, parts: chosen })
  } catch (error) {
    const code = error instanceof ObjectStoreError ? error.code : ''
    if (code === 'InvalidPart') throw mismatch('A part was sent again while the parts were joined; complete once more.')
    // Another completion was quicker.
    if (code !== 'NoSuchUpload') throw error
  }
  return null
}

function checkNamed(named: readonly NamedPart[], count: number): void {
  const numbers = new Set(named.map(({ part }) => part))
  const isWhole = named.length === count && numbers.size === count && named.every(({ part }) => part <= count)
  if (isWhole) return
  throw problems.badRequest(`This upload has ${count} ${count === 1 ? 'part' : 'parts'}: name each once, or none.`)
}

/** Of a part that was sent twice S3 lists the last copy, SeaweedFS both: the client says which it means. */
function meant(arrived: readonly UploadedPart[], part: number, etag: string | null): UploadedPart {
  const copies = arrived.filter(({ partNumber }) => partNumber === part)
  const [only] = etag === null ? copies : copies.filter((copy) => copy.etag === etag)
  if (only === undefined) throw mismatch(`Part ${part} is another one than you name; send it again.`)
  if (etag === null && copies.some((copy) => copy.etag !== only.etag))
    throw mismatch(`Part ${part} was sent more than once; name the parts you mean.`)
  return only
}

const mismatch = (sentence: string): Problem => problems.conflict('part-mismatch', sentence)

const notArrived = (part: number, count: number): Problem =>
  problems.conflict('not-uploaded', `Part ${part} of ${count} has not arrived yet; upload it first.`)
