/**
 * Keys of originals in the object store: `media/<mediaId>/<name>.<ext>` for everyone, `private/…` with a signature. The name
 * is of the content's hash, and of the move that brought it here: no key ever comes to stand for a picture twice.
 */
import type { PresetName } from './options.ts'
import { refusals } from './refusal.ts'

export type ImageType = 'jpeg' | 'png' | 'webp' | 'gif' | 'avif'

const TYPE_OF_EXTENSION: Readonly<Record<string, ImageType>> = Object.freeze({
  jpg: 'jpeg',
  jpeg: 'jpeg',
  png: 'png',
  webp: 'webp',
  gif: 'gif',
  avif: 'avif',
})

export const CONTENT_TYPE: Readonly<Record<ImageType, string>> = Object.freeze({
  jpeg: 'image/jpeg',
  png: 'image/png',
  webp: 'image/webp',
  gif: 'image/gif',
  avif: 'image/avif',
})

export interface ImageKey {
  /** The whole key, as the object store knows it. */
  readonly key: string
  readonly private: boolean
  /** What the extension claims; the magic bytes have to agree. */
  readonly declaredType: ImageType
}

// No dot but the one before the extension, no percent, no backslash, no empty segment: traversal and encoded
// separators have no spelling in this alphabet.
const KEY = /^(media|private)\/[0-9A-Za-z_-]{1,64}\/[0-9A-Za-z_-]{1,128}\.([0-9a-z]{1,8})$/

/**
 * Reads an object key from the tail of a URL's path (not percent-decoded).
 * @throws Problem 400 for another shape or prefix, 415 for an extension that is no image we serve (SVG, video).
 */
export function parseImageKey(text: string): ImageKey {
  const match = KEY.exec(text)
  if (!match) {
    throw refusals.badSource(
      'The source must be a key of our own store, media/<id>/<hash>.<ext>, without encoded characters or foreign addresses.',
    )
  }
  const declaredType = TYPE_OF_EXTENSION[match[2] ?? '']
  if (!declaredType) throw refusals.unsupported(`Files of type .${match[2]} are not served as images.`)
  return { key: text, private: match[1] === 'private', declaredType }
}

/** Whether the picture under this key is shown to those only whom the api Worker signs an address for. */
export const isPrivateKey = (key: string): boolean => key.startsWith('private/')

/** What purges name: one tag for all that caches hold of a media's public pictures (developers.cloudflare.com/cache, purge by tags). */
export const mediaTag = (mediaId: string): string => `media:${mediaId}`

/**
 * Where the media tier keeps the 1080 px variant of an original: what the Worker resizes from when the original needs
 * more memory than an isolate has.
 */
export function largeVariantKey(source: ImageKey): ImageKey {
  const key = source.key.replace(/\.[0-9a-z]+$/, '-large.jpg')
  return { key, private: source.private, declaredType: 'jpeg' }
}

/** The presets that pages show: the media tier makes them of each upload, as WebP, at the preset's width and quality. */
export const PREPARED_PRESETS = Object.freeze(['thumb', 'small', 'medium', 'large'] as const satisfies PresetName[])
export type PreparedPreset = (typeof PREPARED_PRESETS)[number]

/** Where the media tier keeps a preset that it has made of an original. */
export function preparedVariantKey(source: ImageKey, preset: PreparedPreset): ImageKey {
  const key = source.key.replace(/\.[0-9a-z]+$/, `-${preset}.webp`)
  return { key, private: source.private, declaredType: 'webp' }
}
