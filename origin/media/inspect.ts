/** Looks into an uploaded picture: what it is, how big it stands upright, and its blur. */
import { createHash } from 'node:crypto'
import sharp from 'sharp'
import { rgbaToThumbHash } from 'thumbhash'
import { sniffType } from '#core/image/header/index.ts'
import { CONTENT_TYPE, type ImageType } from '#core/image/key.ts'
import { IMAGE_LIMITS } from '#core/image/limits.ts'
import { RESIZED_AT_EDGE, type UploadFault } from './rules.ts'

/** ThumbHash takes at most 100 pixels a side. */
const THUMBHASH_SIDE = 100

/** Of the originals that are turned into WebP: GIF and AVIF are small or already lossy, so this loses nothing one sees. */
const CONVERTED_QUALITY = 90

export interface InspectedPicture {
  type: ImageType
  contentType: string
  /** The original as it will be stored: as it came, or as WebP where the edge could not read it. */
  bytes: Uint8Array
  sha256: string
  /** Pixels, after the EXIF orientation. */
  width: number
  height: number
  /** ThumbHash (https://evanw.github.io/thumbhash/) in base64. */
  blur: string
}

/** The upload cannot be accepted. */
export class UploadRefused extends Error {
  readonly fault: UploadFault
  constructor(fault: UploadFault, options?: ErrorOptions) {
    super(fault, options)
    this.name = 'UploadRefused'
    this.fault = fault
  }
}

/** How sharp opens what strangers send: no more pixels than allowed, and a file that is cut off is an error. */
export const OPEN = { limitInputPixels: IMAGE_LIMITS.sourcePixels, failOn: 'warning' } as const

/** @throws UploadRefused */
export async function inspectPicture(bytes: Uint8Array, announced: ImageType): Promise<InspectedPicture> {
  if (sniffType(bytes) !== announced) throw new UploadRefused('wrong-type')
  try {
    const header = await sharp(bytes, { ...OPEN, limitInputPixels: false }).metadata()
    if (header.width * header.height > IMAGE_LIMITS.sourcePixels) throw new UploadRefused('too-many-pixels')
    if ((header.pages ?? 1) > 1) throw new UploadRefused('animated-image')
    const blur = await blurOf(bytes)
    const stored = RESIZED_AT_EDGE.has(announced) ? { type: announced, bytes } : await asWebp(bytes)
    return {
      ...stored,
      contentType: CONTENT_TYPE[stored.type],
      sha256: createHash('sha256').update(stored.bytes).digest('hex'),
      width: header.autoOrient.width,
      height: header.autoOrient.height,
      blur,
    }
  } catch (error) {
    if (error instanceof UploadRefused) throw error
    throw new UploadRefused('undecodable', { cause: error })
  }
}

async function blurOf(bytes: Uint8Array): Promise<string> {
  const { data, info } = await sharp(bytes, OPEN)
    .autoOrient()
    .resize(THUMBHASH_SIDE, THUMBHASH_SIDE, { fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true })
  return Buffer.from(rgbaToThumbHash(info.width, info.height, data)).toString('base64')
}

async function asWebp(bytes: Uint8Array): Promise<{ type: ImageType; bytes: Uint8Array }> {
  return { type: 'webp', bytes: await sharp(bytes, OPEN).autoOrient().webp({ quality: CONVERTED_QUALITY }).toBuffer() }
}
