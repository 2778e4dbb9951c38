/**
 * The variants that are made in advance: what the image Worker falls back on for originals that need more memory than an
 * isolate has, and what exports and notifications show.
 */
import sharp from 'sharp'
import { largeVariantKey, parseImageKey } from '#core/image/key.ts'
import { OPEN } from './inspect.ts'
import type { StoredVariant } from './store.ts'

export interface Variant extends StoredVariant {
  bytes: Uint8Array
}

/** The Worker's own default quality. */
const QUALITY = 75

/** The large one is resized again at the edge: a second generation should not show. */
const LARGE_QUALITY = 85

/** Widths of the Worker's presets of the same names. */
const WIDTHS = Object.freeze({ thumb: 150, medium: 640, large: 1_080 })

/**
 * Decodes once, as far as the large variant needs, and scales the others from that. Turned upright, sRGB, without
 * metadata: a place where a photo was taken is nobody's business.
 */
export async function makeVariants(bytes: Uint8Array, key: string): Promise<Variant[]> {
  const { data, info } = await sharp(bytes, OPEN)
    .autoOrient()
    .resize({ width: WIDTHS.large, withoutEnlargement: true })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  const raw = { width: info.width, height: info.height, channels: info.channels }
  const scaled = (width: number) => sharp(data, { raw }).resize({ width, withoutEnlargement: true })
  const source = parseImageKey(key)
  const beside = (name: string) => key.replace(/\.[0-9a-z]+$/, `-${name}.webp`)
  const webp = async (name: 'thumb' | 'medium'): Promise<Variant> => {
    const made = await scaled(WIDTHS[name]).webp({ quality: QUALITY }).toBuffer({ resolveWithObject: true })
    return variant(name, beside(name), 'image/webp', made)
  }
  const jpeg = await sharp(data, { raw })
    .flatten({ background: '#ffffff' })
    .jpeg({ quality: LARGE_QUALITY })
    .toBuffer({ resolveWithObject: true })
  return [await webp('thumb'), await webp('medium'), variant('large', largeVariantKey(source).key, 'image/jpeg', jpeg)]
}

function variant(
  name: string,
  key: string,
  contentType: string,
  { data, info }: { data: Uint8Array; info: { width: number; height: number } },
): Variant {
  return { name, key, contentType, width: info.width, height: info.height, bytes: data }
}
