/** The feed: ranked for the person, or newest first; new posts announce themselves. */
import type { FeedItem, Id, Page } from './api.ts'
import type { App, View } from './app.ts'
import { watchArrivals } from './arrivals.ts'
import { card } from './card.ts'
import { keepInColumns } from './columns.ts'
import { h, icon } from './dom.ts'
import { watchImpressions } from './impressions.ts'
import { readOn } from './pages.ts'
import { avatar } from './person.ts'
import { counted } from './words.ts'

export type FeedMode = 'ranked' | 'following'

const PAGE = 24
/** Cards whose photos are on a large screen at once. */
const EAGER = 4
const SKELETONS = 6

export function feedView(app: App, mode: FeedMode): View {
  const list = h('div', { class: 'feed', role: 'feed', 'aria-busy': 'true' })
  const pill = h('button', { class: 'pill', type: 'button', hidden: true, onclick: () => showArrived() })
  const announcement = h('p', { class: 'unseen', 'aria-live': 'polite' })
  const shown = new Set<Id>()
  const impressions = watchImpressions(app.api)
  const columns = keepInColumns(list)
  list.append(...Array.from({ length: SKELETONS }, skeleton))

  const cards = (items: readonly FeedItem[], eager: number) =>
    items
      .filter((item) => !shown.has(item.id))
      .map((item, i) => {
        shown.add(item.id)
        const element = card(app, item, i < eager)
        impressions.watch(element)
        return element
      })
  const pages = readOn<FeedItem>(
    (cursor) => {
      const query = new URLSearchParams({ mode, limit: String(PAGE), ...(cursor === null ? {} : { cursor }) })
      return app.api.call<Page<FeedItem>>(`/v1/feed?${query}`)
    },
    (items, isFirst) => {
      if (isFirst) list.replaceChildren()
      list.append(...cards(items, isFirst ? EAGER : 0))
      list.setAttribute('aria-busy', 'false')
    },
    (isEmpty) => list.after(isEmpty ? nothing(mode) : h('p', { class: 'over' }, 'You are all caught up.')),
  )
  const arrivals = watchArrivals(
    app.api,
    (id) => shown.has(id),
    (waiting) => {
      const people = [...new Map(waiting.map(({ author }) => [author.id, author])).values()].slice(0, 3)
      const label = counted(waiting.length, 'new post')
      pill.replaceChildren(icon('up'), h('span', { class: 'faces' }, ...people.map((person) => avatar(person))), label)
      pill.hidden = false
      announcement.textContent = label
    },
  )
  function prepend(items: readonly FeedItem[]): void {
    list.prepend(...cards(items, items.length))
    list.firstElementChild?.classList.add('fresh')
    window.scrollTo({ top: 0, behavior: 'smooth' })
  }
  function showArrived(): void {
    pill.hidden = true
    announcement.textContent = ''
    prepend(arrivals.take())
  }
  const stopListening = app.onPosted((item) => prepend([item]))

  return {
    element: h('div', { class: 'feed-view' }, pill, announcement, list, pages.foot),
    title: mode === 'ranked' ? 'For you' : 'Following',
    pause: () => arrivals.pause(),
    resume() {
      app.follows.repaint(list)
      columns.refresh()
      arrivals.resume()
    },
    close() {
      stopListening()
      pages.close()
      arrivals.close()
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

function nothing(mode: FeedMode): HTMLElement {
  return h(
    'div',
    { class: 'nothing' },
    icon('wave'),
    h('h2', {}, 'The tide is out'),
    h(
      'p',
      {},
      mode === 'following'
        ? 'Posts of people you follow will show here. Find some under “For you”.'
        : 'There is nothing to show yet. Post the first photo.',
    ),
  )
}
