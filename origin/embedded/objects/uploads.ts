import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Bucket, ObjectMeta, Precondition } from './bucket.ts'
import { S3Error } from './errors.ts'
import { compareUtf8 } from './key-index.ts'
import { createKeyedLock } from './keyed-lock.ts'
import { isMissing, openRecord, readRecordMeta, type StagedRecord, syncFolder } from './record.ts'

export interface Upload {
  readonly uploadId: string
  readonly key: string
  /** Epoch milliseconds. */
  readonly initiated: number
  /** The headers that the object will have. */
  readonly headers: Readonly<Record<string, string>>
}

export interface UploadedPart {
  readonly partNumber: number
  readonly size: number
  readonly etag: string
  readonly lastModified: number
  readonly checksums: Readonly<Record<string, string>>
}

/** One line of a request to complete. */
export interface ChosenPart {
  readonly partNumber: number
  readonly etag: string
  readonly sha256: string | undefined
}

/** The unfinished multipart uploads of one bucket. Methods that take an upload id throw S3Error NoSuchUpload. */
export interface Uploads {
  create(upload: Omit<Upload, 'uploadId'>): Promise<Upload>
  find(key: string, uploadId: string): Promise<Upload>
  putPart(upload: Upload, staged: StagedRecord, part: UploadedPart): Promise<void>
  parts(upload: Upload): Promise<UploadedPart[]>
  /**
   * Joins the chosen parts into the object; the same request again is answered again.
   * @throws S3Error InvalidPart, InvalidPartOrder, EntityTooSmall
   */
  complete(
    key: string,
    uploadId: string,
    chosen: readonly ChosenPart[],
    now: number,
    precondition: Precondition | undefined,
  ): Promise<ObjectMeta>
  abort(upload: Upload): Promise<void>
  /** All unfinished uploads by key, then by age. */
  all(): Promise<Upload[]>
}

export const MAX_PART_NUMBER = 10_000

/**
 * uploads/<id>/ holds upload.json and a record per part. The folder appears and disappears by one rename each.
 * @param minPartBytes the least size of every part but the last
 */
export function createUploads(bucket: Bucket, minPartBytes: number, newId: () => string): Uploads {
  const root = bucket.uploadsDir
  const tmp = join(root, '..', 'tmp')
  const locked = createKeyedLock()
  const partPath = (id: string, number: number): string => join(root, id, `${String(number).padStart(5, '0')}.part`)

  const find = async (key: string, uploadId: string): Promise<Upload> => {
    const upload = await readUpload(root, uploadId)
    if (upload?.key !== key) throw noSuchUpload()
    return upload
  }

  return {
    find,
    async create(fields) {
      const upload: Upload = { ...fields, uploadId: newId() }
      await writeUpload(root, upload, join(tmp, upload.uploadId))
      return upload
    },
    async putPart(upload, staged, part) {
      await orNoSuchUpload(staged.publish(partPath(upload.uploadId, part.partNumber), part))
    },
    async parts(upload) {
      const names = (await orNoSuchUpload(readdir(join(root, upload.uploadId)))).filter((name) =>
        name.endsWith('.part'),
      )
      const parts = names.sort().map((name) => readRecordMeta<UploadedPart>(join(root, upload.uploadId, name)))
      return (await Promise.all(parts)).filter((part) => part !== undefined)
    },
    async complete(key, uploadId, chosen, now, precondition) {
      return locked(uploadId, async () => {
        const upload = await readUpload(root, uploadId)
        if (!upload) return completedBefore(bucket, key, uploadId)
        if (upload.key !== key) throw noSuchUpload()
        const paths = chosen.map((part) => partPath(uploadId, part.partNumber))
        const meta = await joinParts(bucket, upload, chosen, paths, { now, minPartBytes, precondition })
        await dropUpload(root, uploadId, join(tmp, newId()))
        return meta
      })
    },
    async abort(upload) {
      await locked(upload.uploadId, () => orNoSuchUpload(dropUpload(root, upload.uploadId, join(tmp, newId()))))
    },
    async all() {
      const uploads = await Promise.all((await readdir(root)).map((id) => readUpload(root, id)))
      return uploads
        .filter((upload) => upload !== undefined)
        .sort((a, b) => compareUtf8(a.key, b.key) || a.initiated - b.initiated || (a.uploadId < b.uploadId ? -1 : 1))
    },
  }
}

async function writeUpload(root: string, upload: Upload, aside: string): Promise<void> {
  await mkdir(aside)
  await writeFile(join(aside, 'upload.json'), JSON.stringify(upload), { flush: true })
  await rename(aside, join(root, upload.uploadId))
  await syncFolder(root)
}

async function readUpload(root: string, uploadId: string): Promise<Upload | undefined> {
  // An id comes from the client: one that could leave the folder is none of ours.
  if (!/^[\w-]{1,64}$/.test(uploadId)) return undefined
  try {
    return JSON.parse(await readFile(join(root, uploadId, 'upload.json'), 'utf8')) as Upload
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

/** Gone by one rename; what is left aside when we are killed now goes at the next start. */
async function dropUpload(root: string, uploadId: string, aside: string): Promise<void> {
  await rename(join(root, uploadId), aside)
  await syncFolder(root)
  await rm(aside, { recursive: true, force: true })
}

async function joinParts(
  bucket: Bucket,
  upload: Upload,
  chosen: readonly ChosenPart[],
  paths: readonly string[],
  { now, minPartBytes, precondition }: { now: number; minPartBytes: number; precondition: Precondition | undefined },
): Promise<ObjectMeta> {
  if (chosen.some((part, i) => i > 0 && part.partNumber <= chosen[i - 1]!.partNumber)) {
    throw new S3Error('InvalidPartOrder', 'The list of parts was not in ascending order.')
  }
  const staged = await bucket.stage()
  try {
    const digest = createHash('md5')
    let size = 0
    for (const [i, part] of chosen.entries()) {
      const partSize = await appendPart(staged, part, paths[i]!)
      if (partSize < minPartBytes && i < chosen.length - 1) {
        throw new S3Error('EntityTooSmall', `Every part but the last must have ${minPartBytes} bytes or more.`)
      }
      size += partSize
      digest.update(part.etag, 'hex')
    }
    const etag = `${digest.digest('hex')}-${chosen.length}`
    const { key, headers, uploadId } = upload
    const meta: ObjectMeta = { key, size, etag, lastModified: now, headers, checksums: {}, uploadId }
    await bucket.put(staged, meta, precondition)
    return meta
  } finally {
    await staged.discard()
  }
}

/** @returns the part's size in bytes */
async function appendPart(staged: StagedRecord, chosen: ChosenPart, path: string): Promise<number> {
  const record = await openRecord<UploadedPart>(path)
  try {
    const isSame = record?.meta.etag === chosen.etag
    if (!record || !isSame || (chosen.sha256 !== undefined && chosen.sha256 !== record.meta.checksums.sha256)) {
      throw new S3Error('InvalidPart', `Part ${chosen.partNumber} was not found, or its ETag does not match.`)
    }
    if (record.bodySize > 0) {
      const body = record.handle.createReadStream({ start: 0, end: record.bodySize - 1, autoClose: false })
      await staged.handle.writeFile(body)
    }
    return record.bodySize
  } finally {
    await record?.handle.close()
  }
}

async function completedBefore(bucket: Bucket, key: string, uploadId: string): Promise<ObjectMeta> {
  const meta = await bucket.head(key)
  if (meta?.uploadId !== uploadId) throw noSuchUpload()
  return meta
}

async function orNoSuchUpload<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw isMissing(error) ? noSuchUpload() : error
  }
}

function noSuchUpload(): S3Error {
  return new S3Error('NoSuchUpload', 'The specified upload does not exist: it may have been aborted or completed.')
}
