/**
 * The addresses of images, both ways: the api Worker builds them, the image Worker reads them.
 *
 *     /img/medium/media/7/abc.jpg                        a preset, unsigned
 *     /img/w=640,f=auto,q=60/media/7/abc.jpg?s=…&kid=…   free options, signed
 *     /cdn-cgi/image/width=640/media/7/abc.jpg           Cloudflare's form, the same rules
 */
import { type ImageKey, parseImageKey } from './key.ts'
import {
  formatOptions,
  type ImageOptions,
  PRESETS,
  type PresetName,
  parseOptions,
  presetNameOf,
  presetOptions,
} from './options.ts'
import { refusals } from './refusal.ts'

export interface ImageSignature {
  /** HMAC-SHA256, base64url without padding. */
  readonly value: string
  /** Which of our keys made it; absent = any of them. */
  readonly keyId?: string
  /** Seconds since 1970 after which the address is void. */
  readonly expires?: number
}

export interface ImageRequest {
  readonly source: ImageKey
  readonly options: ImageOptions
  readonly signature?: ImageSignature
}

/** A request's address has been normalised by its runtime: a second parser of URLs for each picture would find nothing. */
const FORM = /^(?:https?:\/\/[^/?#]+)?\/(?:img|cdn-cgi\/image)\/([^/?]+)\/([^?]*)(?:\?(.*))?$/s

/**
 * Reads an image address. Options may be percent-encoded, the source may not.
 * @param url whole or only path and query, as received.
 * @throws Problem 400 or 415 that says what is wrong with it.
 */
export function parseImageUrl(url: string): ImageRequest {
  const match = FORM.exec(url)
  if (!match) throw refusals.badSource('An image address is /img/<preset or options>/<key>.')
  const source = parseImageKey((match[2] ?? '').replace(/^\//, ''))
  const options = readOptions(match[1] ?? '')
  const signature = match[3] ? readSignature(new URLSearchParams(match[3])) : undefined
  return { source, options, ...(signature ? { signature } : {}) }
}

function readOptions(segment: string): ImageOptions {
  let text: string
  try {
    text = decodeURIComponent(segment)
  } catch {
    throw refusals.badOptions('The options are not well encoded.')
  }
  return parseOptions(text)
}

function readSignature(query: URLSearchParams): ImageSignature | undefined {
  for (const name of ['s', 'kid', 'exp']) {
    if (query.getAll(name).length > 1) throw refusals.badSignature(`The parameter ${name} appears twice.`)
  }
  const [value, keyId, expires] = [query.get('s'), query.get('kid'), query.get('exp')]
  if (value === null) {
    if (keyId !== null || expires !== null) throw refusals.unsigned('A key id or an expiry needs a signature.')
    return undefined
  }
  if (expires !== null && !/^[1-9]\d{0,11}$/.test(expires)) {
    throw refusals.badSignature('exp must be a time in whole seconds since 1970.')
  }
  return {
    value,
    ...(keyId === null ? {} : { keyId }),
    ...(expires === null ? {} : { expires: Number(expires) }),
  }
}

/** The canonical path: what is signed and what names the variant in caches. */
export function imagePath(key: string, options: ImageOptions): string {
  return `/img/${formatOptions(options)}/${key}`
}

/** Path and query of a request in its canonical spelling. */
export function formatImageUrl({ source, options, signature }: ImageRequest): string {
  const path = imagePath(source.key, options)
  if (!signature) return path
  const query = new URLSearchParams({ s: signature.value })
  if (signature.keyId !== undefined) query.set('kid', signature.keyId)
  if (signature.expires !== undefined) query.set('exp', String(signature.expires))
  return `${path}?${query}`
}

/**
 * The address of a public picture at a preset size.
 * @param base origin of the image Worker without a trailing slash, or '' for a relative address.
 * @example imageUrl('https://img.example.com', 'media/7/abc.jpg', 'medium')
 */
export function imageUrl(base: string, key: string, preset: PresetName): string {
  const folder = PRESET_FOLDERS.get(preset)
  if (folder === undefined) throw refusals.badOptions(`There is no preset named ${preset}.`)
  return base + folder + key
}

/** What stands before the key, spelled once: a feed makes four addresses a picture, hundreds a page. */
const PRESET_FOLDERS: ReadonlyMap<string, string> = new Map(
  Object.keys(PRESETS).flatMap((name) => {
    const options = presetOptions(name)
    return options === undefined ? [] : [[name, imagePath('', options)]]
  }),
)

/** Free options and private pictures need a signature; presets of public pictures do not. */
export function needsSignature({ source, options }: ImageRequest): boolean {
  return source.private || presetNameOf(options) === undefined
}
