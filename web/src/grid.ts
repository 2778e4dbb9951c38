/** Posts as square tiles, for profiles and hashtags; a tile opens the post. */
import type { Page, Post } from './api.ts'
import type { App } from './app.ts'
import { h, icon } from './dom.ts'
import { readOn } from './pages.ts'
import { nameOf } from './person.ts'
import { picture, TILE_SIZES } from './picture.ts'
import { postPath } from './post-head.ts'
import { renewOnce } from './renewal.ts'
import { compact } from './words.ts'

const PAGE = 30

interface GridOptions<P extends Page<Post>> {
  /** Of a list of posts, without limit and cursor. */
  path: string
  /** What to say when there are none. */
  empty: string
  /** Told every page that was read: some say more than their posts. */
  onPage?(page: P): void
  /** Something to do with a tile's post, on its corner. */
  tool?(post: Post, tile: HTMLElement): HTMLElement | null
}

export interface PostGrid {
  element: HTMLElement
  /** Takes a tile away. The focus, which its button may have had, goes to the next one. */
  remove(tile: HTMLElement): void
  close(): void
}

export function postGrid<P extends Page<Post>>(app: App, { path, empty, onPage, tool }: GridOptions<P>): PostGrid {
  const over = h('p', { class: 'over', hidden: true }, empty)
  let isWhole = false
  const list = h('ul', { class: 'grid' })
  const pages = readOn<Post>(
    async (cursor) => {
      const query = new URLSearchParams({ limit: String(PAGE), ...(cursor === null ? {} : { cursor }) })
      const page = await app.api.call<P>(`${path}${path.includes('?') ? '&' : '?'}${query}`)
      onPage?.(page)
      return page
    },
    (posts) => {
      for (const post of posts) {
        const item = tile(app, post)
        const corner = tool?.(post, item) ?? null
        if (corner !== null) item.append(corner)
        list.append(item)
      }
    },
    (isEmpty) => {
      isWhole = true
      over.hidden = !isEmpty
    },
  )
  const remove = (gone: HTMLElement) => {
    const next = gone.nextElementSibling ?? gone.previousElementSibling
    gone.remove()
    over.hidden = !(isWhole && list.childElementCount === 0)
    const target = next?.querySelector<HTMLElement>('button, a') ?? document.querySelector<HTMLElement>('#main')
    target?.focus()
  }
  return { element: h('div', {}, list, over, pages.foot), remove, close: pages.close }
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
  const label = first?.alt || post.caption || `Post by ${nameOf(post.author)}`
  return h(
    'li',
    {},
    h(
      'a',
      { class: 'tile', href: postPath(post.id), 'aria-label': label },
      first === undefined
        ? h('span', { class: 'tile-text' }, h('span', {}, post.caption))
        : picture(first, { sizes: TILE_SIZES, ratio: 1, renew: renewOnce(app.api, post.id) }),
      counts,
    ),
  )
}
