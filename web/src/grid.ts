/** Posts as square tiles, for profiles and hashtags; a tile opens the post. */
import type { Page, Post } from './api.ts'
import type { App } from './app.ts'
import { h, icon } from './dom.ts'
import { readOn } from './pages.ts'
import { picture, TILE_SIZES } from './picture.ts'
import { postPath } from './post-head.ts'
import { renewOnce } from './renewal.ts'
import { compact } from './words.ts'

const PAGE = 30

/** @param path of a list of posts, without limit and cursor */
export function postGrid(app: App, path: string, empty: string): { element: HTMLElement; close(): void } {
  const list = h('ul', { class: 'grid' })
  const pages = readOn<Post>(
    (cursor) => {
      const query = new URLSearchParams({ limit: String(PAGE), ...(cursor === null ? {} : { cursor }) })
      return app.api.call<Page<Post>>(`${path}${path.includes('?') ? '&' : '?'}${query}`)
    },
    (posts) => list.append(...posts.map((post) => tile(app, post))),
    (isEmpty) => isEmpty && list.after(h('p', { class: 'over' }, empty)),
  )
  return { element: h('div', {}, list, pages.foot), close: pages.close }
}

function tile(app: App, post: Post): HTMLElement {
  const [first] = post.media
  const counts = h(
    'span',
    { class: 'tile-counts', 'aria-hidden': 'true' },
    icon('heart'),
    compact(post.likeCount),
    icon('comment'),
    compact(post.commentCount),
  )
  const label = first?.alt || post.caption || 'Post'
  return h(
    'li',
    {},
    h(
      'a',
      { class: 'tile', href: postPath(post.id), 'aria-label': label },
      first === undefined
        ? h('span', { class: 'tile-text' }, post.caption)
        : picture(first, { sizes: TILE_SIZES, ratio: 1, renew: renewOnce(app.api, post.id) }),
      counts,
    ),
  )
}
