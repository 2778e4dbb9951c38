/** A post's photos: one, or several side by side to be swiped, in the box of the first. */
import type { Media } from './api.ts'
import { type Child, h } from './dom.ts'
import { frameRatio, type PictureOptions, picture } from './picture.ts'

interface GalleryOptions extends Pick<PictureOptions, 'sizes' | 'renew'> {
  /** On the screen from the start. */
  eager: boolean
  /** Width over height of the box; else the first photo's, within what a feed can bear. */
  ratio?: number
  /** Where a click on a photo leads. */
  href?: string
}

export function gallery(media: readonly Media[], options: GalleryOptions): HTMLElement | null {
  const [first] = media
  if (first === undefined) return null
  const { eager, href, ratio = frameRatio(first), ...common } = options
  const frames = media.map((item, i) => {
    const frame = picture(item, { ...common, eager: eager && i === 0, ratio })
    if (href === undefined) return frame
    const which = media.length === 1 ? 'photo' : `photo ${i + 1} of ${media.length}`
    const label = `Open ${which}${item.alt === '' ? '' : `: ${item.alt}`}`
    return h('a', { class: 'open', href, 'aria-label': label }, frame)
  })
  return h('div', { class: 'media' }, ...(frames.length === 1 ? frames : strip(frames)))
}

function strip(frames: HTMLElement[]): Child[] {
  const box = h(
    'div',
    { class: 'strip', role: 'group', tabindex: 0, 'aria-label': `${frames.length} photos` },
    ...frames,
  )
  const dots = frames.map((_, i) => h('span', { class: i === 0 ? 'dot here' : 'dot' }))
  box.addEventListener(
    'scroll',
    () => {
      const here = Math.round(box.scrollLeft / Math.max(1, box.clientWidth))
      for (const [i, dot] of dots.entries()) dot.classList.toggle('here', i === here)
    },
    { passive: true },
  )
  return [box, h('div', { class: 'dots', 'aria-hidden': 'true' }, ...dots)]
}

/** Two clicks on a photo like its post; they never take a like back. */
export function likeOnTwoClicks(media: HTMLElement, like: { on(): boolean; flip(): void }): void {
  media.addEventListener('dblclick', () => {
    if (!like.on()) like.flip()
    media.classList.remove('loved')
    // Read to restart the animation.
    void media.offsetWidth
    media.classList.add('loved')
  })
}
