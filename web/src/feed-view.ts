/** The feed: ranked for the person, or newest first; new posts announce themselves. */
import type { FeedItem, Page } from './api.ts'
import type { App, View } from './app.ts'
import { watchArrivals } from './arrivals.ts'
import { h, icon } from './dom.ts'
import { feedList } from './feed-list.ts'
import { readOn } from './pages.ts'
import { avatar } from './person.ts'
import { counted } from './words.ts'

export type FeedMode = 'ranked' | 'following'

const PAGE = 24
/** Cards whose photos are on a large screen at once. */
const EAGER = 4

export function feedView(app: App, mode: FeedMode): View {
  const list = feedList(app)
  const end = h('div', {})
  let isRead = false
  const paintEnd = () => {
    if (isRead) end.replaceChildren(list.isEmpty() ? nothing(mode) : allSeen())
  }
  const pages = readOn<FeedItem>(
    (cursor) => {
      const query = new URLSearchParams({ mode, limit: String(PAGE), ...(cursor === null ? {} : { cursor }) })
      return app.api.call<Page<FeedItem>>(`/v1/feed?${query}`)
    },
    (items, isFirst) => list.append(items, isFirst ? EAGER : 0),
    () => {
      isRead = true
      paintEnd()
    },
  )
  const prepend = (items: readonly FeedItem[]) => {
    list.prepend(items)
    paintEnd()
    window.scrollTo({ top: 0, behavior: 'smooth' })
  }
  const pill = arrivalsPill(() => prepend(arrivals.take()))
  const arrivals = watchArrivals(app.api, list.has, pill.show)
  const listening = [
    app.news.on('posted', (item) => prepend([item])),
    app.news.on('deleted', (id) => {
      list.remove(id)
      paintEnd()
    }),
  ]
  return {
    element: h('div', { class: 'feed-view' }, pill.element, pill.announcement, list.element, end, pages.foot),
    title: mode === 'ranked' ? 'For you' : 'Following',
    pause: arrivals.pause,
    resume() {
      list.refresh()
      paintEnd()
      arrivals.resume()
    },
    close() {
      for (const stop of listening) stop()
      for (const part of [pages, arrivals, list]) part.close()
    },
  }
}

/** Says how many posts wait, and from whom; a click shows them. */
function arrivalsPill(onTake: () => void) {
  const announcement = h('p', { class: 'unseen', 'aria-live': 'polite' })
  const element = h('button', {
    class: 'pill',
    type: 'button',
    hidden: true,
    onclick: () => {
      element.hidden = true
      announcement.textContent = ''
      onTake()
    },
  })
  const show = (waiting: readonly FeedItem[]) => {
    const people = [...new Map(waiting.map(({ author }) => [author.id, author])).values()].slice(0, 3)
    const label = counted(waiting.length, 'new post')
    element.replaceChildren(icon('up'), h('span', { class: 'faces' }, ...people.map((person) => avatar(person))), label)
    element.hidden = false
    announcement.textContent = label
  }
  return { element, announcement, show }
}

const allSeen = () => h('p', { class: 'over' }, 'You are all caught up.')

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
        ? 'Posts of people you follow will show here. Find some under “For you”, or search.'
        : 'There is nothing that you have not seen. Follow people, search, or post a photo.',
    ),
  )
}
