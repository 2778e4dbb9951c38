/** A photo in a box that has its shape from the start, blurred until it has arrived. */
import { thumbHashToDataURL } from 'thumbhash'
import type { Media } from './api.ts'
import { h } from './dom.ts'
import type { Renewal } from './renewal.ts'

/** Widths of the preset addresses, in pixels. */
const WIDTHS = { thumb: 150, small: 320, medium: 640, large: 1080 } as const

/** Taller than 3:4 or wider than 1.91:1 is cropped, so that no photo takes the whole screen or none of it. */
const TALLEST = 3 / 4
const WIDEST = 1.91

/** How wide a photo shows in the feed. */
export const FEED_SIZES = '(min-width: 1140px) 360px, (min-width: 700px) calc(50vw - 36px), 100vw'
/** In a post's own view. */
export const LARGE_SIZES = '(min-width: 860px) min(1080px, calc(100vw - 420px)), 100vw'
export const TILE_SIZES = '(min-width: 900px) 280px, 33vw'

/** Width over height of the box. */
export function frameRatio(media: Pick<Media, 'width' | 'height'>): number {
  if (!(media.width > 0 && media.height > 0)) return 1
  return Math.min(WIDEST, Math.max(TALLEST, media.width / media.height))
}

/**
 * Candidates for `srcset`, up to the first that is as wide as the original: above that, all presets are the same picture.
 */
export function sources(media: Pick<Media, 'width' | 'urls'>): string {
  const names = Object.keys(WIDTHS) as (keyof typeof WIDTHS)[]
  const enough = names.findIndex((name) => WIDTHS[name] >= media.width)
  const used = enough === -1 ? names : names.slice(0, enough + 1)
  return used.map((name) => `${media.urls[name]} ${Math.min(WIDTHS[name], Math.max(1, media.width))}w`).join(', ')
}

export interface PictureOptions {
  sizes: string
  /** On the screen from the start: not lazy. */
  eager?: boolean
  ratio?: number
  /** Asked for other addresses when the picture does not come. */
  renew?: Renewal
}

export function picture(
  media: Media,
  { sizes, eager = false, ratio = frameRatio(media), renew }: PictureOptions,
): HTMLElement {
  const image = h('img', {
    alt: media.alt,
    width: media.width,
    height: media.height,
    sizes,
    srcset: sources(media),
    loading: eager ? 'eager' : 'lazy',
    decoding: 'async',
    fetchpriority: eager ? 'high' : null,
  })
  image.src = media.urls.medium
  const frame = h('div', { class: 'frame' }, image)
  frame.style.aspectRatio = String(ratio)
  const blur = blurUrl(media.blur)
  if (blur !== null) frame.style.backgroundImage = `url(${blur})`
  if (image.complete && image.naturalWidth > 0) frame.classList.add('arrived')
  image.addEventListener('load', () => frame.classList.add('arrived'))
  let shown = media
  image.addEventListener('error', async () => {
    const fresh = (await renew?.(shown)) ?? null
    if (fresh === null) return frame.classList.add('missing')
    shown = fresh
    image.srcset = sources(fresh)
    image.src = fresh.urls.medium
  })
  return frame
}

function blurUrl(blur: string | null): string | null {
  if (blur === null) return null
  try {
    return thumbHashToDataURL(Uint8Array.from(atob(blur), (character) => character.charCodeAt(0)))
  } catch {
    return null
  }
}
