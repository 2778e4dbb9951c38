/** One post of the feed. */
import type { FeedItem, Media } from './api.ts'
import type { App } from './app.ts'
import { caption } from './caption.ts'
import { h, icon } from './dom.ts'
import { sentenceOf } from './http.ts'
import { createToggle } from './optimistic.ts'
import { avatar, nameOf, profilePath } from './person.ts'
import { FEED_SIZES, frameRatio, picture } from './picture.ts'
import { ago, compact, counted } from './words.ts'

export function card(app: App, item: FeedItem, eager: boolean): HTMLElement {
  const like = likeButton(app, item)
  const media = gallery(item.media, eager)
  media?.addEventListener('dblclick', () => {
    if (!like.on()) like.flip()
    media.classList.remove('loved')
    // Read to restart the animation.
    void media.offsetWidth
    media.classList.add('loved')
  })
  const why = h('p', { class: 'why', id: `why-${item.id}`, hidden: true }, item.why)
  const headId = `by-${item.id}`
  return h(
    'article',
    { class: 'card', 'aria-labelledby': headId, 'data-post': item.id },
    head(app, item, headId, why),
    why,
    media,
    h('div', { class: 'actions' }, like.button, commentsButton(app, item)),
    item.caption === '' ? null : h('p', { class: 'caption' }, ...caption(item.caption)),
  )
}

const OUTSIDE: ReadonlySet<string> = new Set(['recommended', 'trending', 'tag'])

function head(app: App, item: FeedItem, id: string, why: HTMLElement): HTMLElement {
  const { author } = item
  const label = item.reason === 'sponsored' ? 'Sponsored' : OUTSIDE.has(item.reason) ? 'Suggested' : null
  const isOwn = author.id === app.session.current()?.userId
  const whyButton = h(
    'button',
    {
      class: 'quiet',
      type: 'button',
      'aria-label': 'Why am I seeing this?',
      title: 'Why am I seeing this?',
      'aria-expanded': 'false',
      'aria-controls': why.id,
      onclick: () => {
        why.hidden = !why.hidden
        whyButton.setAttribute('aria-expanded', String(!why.hidden))
      },
    },
    icon('info'),
  )
  return h(
    'header',
    { class: 'card-head' },
    h('a', { href: profilePath(author.username), tabindex: -1, 'aria-hidden': 'true' }, avatar(author)),
    h(
      'div',
      { class: 'by' },
      h('a', { class: 'name', id, href: profilePath(author.username) }, nameOf(author)),
      h(
        'p',
        { class: 'meta' },
        h('time', { datetime: item.createdAt }, ago(item.createdAt, Date.now())),
        label === null ? null : ` · ${label}`,
      ),
    ),
    isOwn
      ? null
      : app.follows.button(author, OUTSIDE.has(item.reason) || item.reason === 'sponsored' ? 'none' : 'active'),
    whyButton,
  )
}

/** One photo, or several side by side to be swiped, in the box of the first. */
function gallery(media: readonly Media[], eager: boolean): HTMLElement | null {
  const [first] = media
  if (first === undefined) return null
  const ratio = frameRatio(first)
  const frames = media.map((item, i) => picture(item, { sizes: FEED_SIZES, eager: eager && i === 0, ratio }))
  if (frames.length === 1) return h('div', { class: 'media' }, ...frames)
  const strip = h(
    'div',
    { class: 'strip', tabindex: 0, role: 'group', 'aria-label': `${frames.length} photos` },
    ...frames,
  )
  const dots = frames.map((_, i) => h('span', { class: i === 0 ? 'dot here' : 'dot' }))
  strip.addEventListener(
    'scroll',
    () => {
      const here = Math.round(strip.scrollLeft / Math.max(1, strip.clientWidth))
      for (const [i, dot] of dots.entries()) dot.classList.toggle('here', i === here)
    },
    { passive: true },
  )
  return h('div', { class: 'media' }, strip, h('div', { class: 'dots', 'aria-hidden': 'true' }, ...dots))
}

function likeButton(app: App, item: FeedItem): { button: HTMLButtonElement; on(): boolean; flip(): void } {
  const count = h('span', { class: 'count' })
  const button = h(
    'button',
    { class: 'action like', type: 'button', onclick: () => void toggle.flip() },
    icon('heart'),
    count,
  )
  const others = item.likeCount - (item.liked ? 1 : 0)
  const paint = (liked: boolean) => {
    const likes = others + (liked ? 1 : 0)
    button.setAttribute('aria-pressed', String(liked))
    button.setAttribute('aria-label', `Like, ${counted(likes, 'like')}`)
    count.textContent = compact(likes)
  }
  const toggle = createToggle(
    item.liked,
    (liked) => app.api.call(`/v1/posts/${item.id}/like`, { method: liked ? 'POST' : 'DELETE' }),
    (liked, error) => {
      paint(liked)
      if (error !== undefined) app.toast(sentenceOf(error))
    },
  )
  paint(item.liked)
  return { button, on: toggle.on, flip: () => void toggle.flip() }
}

function commentsButton(app: App, item: FeedItem): HTMLElement {
  let comments = item.commentCount
  const count = h('span', { class: 'count' })
  const button = h(
    'button',
    {
      class: 'action',
      type: 'button',
      'aria-haspopup': 'dialog',
      onclick: () => {
        app.openComments(item, (by) => {
          comments += by
          paint()
        })
      },
    },
    icon('comment'),
    count,
  )
  const paint = () => {
    count.textContent = compact(comments)
    button.setAttribute('aria-label', `Comments, ${counted(comments, 'comment')}`)
  }
  paint()
  return button
}
