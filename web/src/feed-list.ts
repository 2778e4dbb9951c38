/** The cards of a feed: each post once, in columns, none of what was deleted or is no longer followed. */
import type { FeedItem, Id } from './api.ts'
import type { App } from './app.ts'
import { card } from './card.ts'
import { keepInColumns } from './columns.ts'
import { h } from './dom.ts'
import { watchImpressions } from './impressions.ts'

const SKELETONS = 6

export interface FeedList {
  element: HTMLElement
  has(id: Id): boolean
  isEmpty(): boolean
  /** @param eager how many of them are on the screen from the start */
  append(items: readonly FeedItem[], eager: number): void
  /** New ones, above all others. */
  prepend(items: readonly FeedItem[]): void
  remove(id: Id): void
  /** After a while out of the document: what was changed elsewhere shows, and who was unfollowed is gone. */
  refresh(): void
  close(): void
}

export function feedList(app: App): FeedList {
  const list = h('div', { class: 'feed', role: 'feed', 'aria-busy': 'true' })
  list.append(...Array.from({ length: SKELETONS }, skeleton))
  const known = new Set<Id>()
  const impressions = watchImpressions(app.api)
  const columns = keepInColumns(list)

  const cards = (items: readonly FeedItem[], eager: number) =>
    items
      .filter((item) => !known.has(item.id) && !app.follows.isDropped(item.author.id))
      .map((item, i) => {
        known.add(item.id)
        const element = card(app, item, i < eager)
        impressions.watch(element)
        return element
      })
  const drop = (isGone: (card: HTMLElement) => boolean) => {
    for (const element of [...list.children]) if (element instanceof HTMLElement && isGone(element)) element.remove()
  }
  return {
    element: list,
    has: (id) => known.has(id),
    isEmpty: () => list.childElementCount === 0,
    append(items, eager) {
      drop((element) => element.classList.contains('skeleton'))
      list.append(...cards(items, eager))
      list.setAttribute('aria-busy', 'false')
    },
    prepend(items) {
      list.prepend(...cards(items, items.length))
      list.firstElementChild?.classList.add('fresh')
    },
    remove(id) {
      known.add(id)
      drop((element) => element.dataset.post === id)
    },
    refresh() {
      // Not under the person's hands: an unfollow may be taken back where it was made.
      drop((element) => app.follows.isDropped(element.dataset.author ?? ''))
      app.follows.repaint(list)
      app.engagement.repaint(list)
      columns.refresh()
    },
    close() {
      impressions.close()
      columns.close()
    },
  }
}

function skeleton(_: unknown, i: number): HTMLElement {
  return h(
    'div',
    { class: `card skeleton ${i % 2 === 0 ? 'tall' : ''}`, 'aria-hidden': 'true' },
    h('div', { class: 'card-head' }, h('span', { class: 'avatar avatar-s' }), h('span', { class: 'bone' })),
    h('div', { class: 'frame' }),
    h('div', { class: 'actions' }, h('span', { class: 'bone' })),
  )
}
