import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Bucket } from './bucket.ts'
import { S3Error } from './errors.ts'
import { createUploads, type Uploads } from './uploads.ts'

/** A bucket with its unfinished uploads. */
export interface BucketEntry {
  readonly bucket: Bucket
  readonly uploads: Uploads
}

/** The buckets of one folder: each a folder of its own. */
export interface Buckets {
  /** @throws S3Error NoSuchBucket */
  get(name: string): BucketEntry
  /** @throws S3Error InvalidBucketName, BucketAlreadyOwnedByYou */
  create(name: string): Promise<void>
  /** In the order of their names. */
  all(): BucketEntry[]
}

export interface BucketsOptions {
  readonly dir: string
  readonly names: readonly string[]
  readonly minPartBytes: number
  readonly newId: () => string
}

/** Opens every bucket that the folder has, and creates those of `names` that it has not. */
export async function openBuckets({ dir, names, minPartBytes, newId }: BucketsOptions): Promise<Buckets> {
  const entries = new Map<string, BucketEntry>()
  const add = async (name: string): Promise<void> => {
    requireBucketName(name)
    const bucket = await Bucket.open(join(dir, name), name, newId)
    entries.set(name, { bucket, uploads: createUploads(bucket, minPartBytes, newId) })
  }
  await mkdir(dir, { recursive: true })
  const present = (await readdir(dir, { withFileTypes: true })).filter((entry) => entry.isDirectory())
  for (const name of new Set([...names, ...present.map((entry) => entry.name).filter(isBucketName)])) await add(name)
  return {
    get(name) {
      const entry = entries.get(name)
      if (!entry) throw new S3Error('NoSuchBucket', 'The specified bucket does not exist.')
      return entry
    },
    async create(name) {
      if (entries.has(name)) throw new S3Error('BucketAlreadyOwnedByYou', 'You already own this bucket.')
      await add(name)
    },
    all: () => [...entries.values()].sort((a, b) => (a.bucket.name < b.bucket.name ? -1 : 1)),
  }
}

/** Amazon S3 user guide, "General purpose bucket naming rules": these also make it a harmless folder name. */
function isBucketName(name: string): boolean {
  return /^[a-z0-9](?:[a-z0-9-]|\.(?=[a-z0-9])){1,61}[a-z0-9]$/.test(name)
}

function requireBucketName(name: string): void {
  if (!isBucketName(name)) throw new S3Error('InvalidBucketName', 'The specified bucket is not valid.')
}
