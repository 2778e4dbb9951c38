/** One post of the feed. */
import type { FeedItem } from './api.ts'
import type { App } from './app.ts'
import { saveButton } from './boards.ts'
import { caption } from './caption.ts'
import { deleteButton } from './delete-post.ts'
import { h, icon } from './dom.ts'
import { gallery } from './gallery.ts'
import { FEED_SIZES } from './picture.ts'
import { postHead, postPath } from './post-head.ts'
import { renewOnce } from './renewal.ts'

export function card(app: App, item: FeedItem, eager: boolean): HTMLElement {
  const why = h('p', { class: 'why', id: `why-${item.id}`, hidden: true }, item.why)
  const headId = `by-${item.id}`
  return h(
    'article',
    { class: 'card', 'aria-labelledby': headId, 'data-post': item.id, 'data-author': item.author.id },
    head(app, item, headId, why),
    why,
    gallery(item.media, { sizes: FEED_SIZES, eager, href: postPath(item.id), renew: renewOnce(app.api, item.id) }),
    h(
      'div',
      { class: 'actions' },
      app.engagement.likeButton(item).button,
      app.engagement.commentsButton(item, () => app.openComments(item)),
      saveButton(app, item),
    ),
    item.caption === '' ? null : h('p', { class: 'caption' }, ...caption(item.caption)),
  )
}

const OUTSIDE: ReadonlySet<string> = new Set(['recommended', 'trending', 'tag', 'seen'])

function head(app: App, item: FeedItem, id: string, why: HTMLElement): HTMLElement {
  const isSponsored = item.reason === 'sponsored'
  const isOutside = OUTSIDE.has(item.reason)
  const label = isSponsored ? 'Sponsored' : item.reason === 'seen' ? 'Seen before' : isOutside ? 'Suggested' : null
  const isOwn = item.author.id === app.session.current()?.userId
  return postHead(
    item,
    id,
    label,
    isOwn ? deleteButton(app, item) : app.follows.button(item.author, isOutside || isSponsored ? 'none' : 'active'),
    whyButton(why),
  )
}

function whyButton(why: HTMLElement): HTMLElement {
  const button = h(
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
        button.setAttribute('aria-expanded', String(!why.hidden))
      },
    },
    icon('info'),
  )
  return button
}
