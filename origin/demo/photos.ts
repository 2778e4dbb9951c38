/** The photos of ops/demo: read once, measured once, and stored under every post that shows them. */
import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { rgbaToThumbHash } from 'thumbhash'
import type { ObjectStore } from '../objects/index.ts'

export interface DemoPhoto {
  className: string
  bytes: Buffer
  sha256: string
  width: number
  height: number
  /** thumbhash, base64. */
  blur: string
}

export type Photos = ReadonlyMap<string, readonly DemoPhoto[]>

/** The longest side that thumbhash takes. */
const BLUR_SIDE = 100
/** Named by their content, so that such an address may be cached for ever. */
const CACHE_CONTROL = 'public, max-age=31536000, immutable'
/** Files worked on at once: two cores decode, and a store on disk is seldom faster with more. */
const AT_ONCE = 8

/** Reads and measures `<directory>/<class>/*.jpg`, in the order of their names. */
export async function readPhotos(directory: string, classNames: readonly string[]): Promise<Photos> {
  const photos = new Map<string, DemoPhoto[]>()
  for (const className of classNames) {
    const names = (await readdir(join(directory, className))).filter((name) => name.endsWith('.jpg')).sort()
    const measured: DemoPhoto[] = []
    await eachAtOnce(names, async (name, i) => {
      measured[i] = await measure(className, await readFile(join(directory, className, name)))
    })
    photos.set(className, measured)
  }
  return photos
}

async function measure(className: string, bytes: Buffer): Promise<DemoPhoto> {
  const image = sharp(bytes)
  const { width, height } = await image.metadata()
  const small = await image
    .resize(BLUR_SIDE, BLUR_SIDE, { fit: 'inside' })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  const hash = rgbaToThumbHash(small.info.width, small.info.height, small.data)
  return {
    className,
    bytes,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    width,
    height,
    blur: Buffer.from(hash).toString('base64'),
  }
}

/** Stores each photo under its key. A repetition replaces an object with the same bytes. */
export async function storePhotos(
  objects: ObjectStore,
  uses: readonly { key: string; photo: DemoPhoto }[],
  onProgress: (done: number) => void,
): Promise<void> {
  let done = 0
  await eachAtOnce(uses, async ({ key, photo }) => {
    await objects.put(key, photo.bytes, { contentType: 'image/jpeg', cacheControl: CACHE_CONTROL })
    onProgress(++done)
  })
}

async function eachAtOnce<T>(items: readonly T[], work: (item: T, index: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    for (let i = next++; i < items.length; i = next++) await work(items[i] as T, i)
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, items.length) }, worker))
}
