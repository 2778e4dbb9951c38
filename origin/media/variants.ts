/**
 * The variants that are made in advance, once for all locations and away from any reader: the presets that pages show, which
 * the image Worker serves as they are, and what it resizes from where the original needs more memory than an isolate has.
 */
import sharp from 'sharp'
import {
  largeVariantKey,
  PREPARED_PRESETS,
  type PreparedPreset,
  parseImageKey,
  preparedVariantKey,
} from '#core/image/key.ts'
import { IMAGE_LIMITS } from '#core/image/limits.ts'
import { DEFAULT_OPTIONS, PRESETS } from '#core/image/options.ts'
import { OPEN } from './inspect.ts'
import type { StoredVariant } from './store.ts'

export interface Variant extends StoredVariant {
  bytes: Uint8Array
}

/** Half the time of the default for about 3 % more bytes, as the image Worker has it. */
const EFFORT = 2

/** The stand-in is resized again at the edge: a second generation should not show. */
const LARGE_QUALITY = 85

/** A preset says how wide; the longest side is bounded as at the edge. A tall picture would else be more than WebP can hold. */
const within = (width: number) =>
  ({ width, height: IMAGE_LIMITS.outputSide, fit: 'inside', withoutEnlargement: true }) as const

/**
 * Decodes once, as far as the largest variant needs, and scales the others from that. Turned upright, sRGB, without
 * metadata: a place where a photo was taken is nobody's business.
 */
export async function makeVariants(bytes: Uint8Array, key: string): Promise<Variant[]> {
  const { data, info } = await sharp(bytes, OPEN)
    .autoOrient()
    .resize(within(PRESETS.large))
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true })
  const raw = { width: info.width, height: info.height, channels: info.channels }
  const scaled = (width: number) => sharp(data, { raw }).resize(within(width))
  const source = parseImageKey(key)
  const webp = async (name: PreparedPreset): Promise<Variant> => {
    const made = await scaled(PRESETS[name])
      .webp({ quality: DEFAULT_OPTIONS.quality, effort: EFFORT })
      .toBuffer({ resolveWithObject: true })
    return variant(name, preparedVariantKey(source, name).key, 'image/webp', made)
  }
  const prepared: Variant[] = []
  // One after the other: the process has other work.
  for (const name of PREPARED_PRESETS) prepared.push(await webp(name))
  const jpeg = await sharp(data, { raw })
    .flatten({ background: '#ffffff' })
    .jpeg({ quality: LARGE_QUALITY })
    .toBuffer({ resolveWithObject: true })
  return [...prepared, variant('stand-in', largeVariantKey(source).key, 'image/jpeg', jpeg)]
}

function variant(
  name: string,
  key: string,
  contentType: string,
  { data, info }: { data: Uint8Array; info: { width: number; height: number } },
): Variant {
  return { name, key, contentType, width: info.width, height: info.height, bytes: data }
}
