/** What a person was told: who follows, likes and comments; above it, who asks to follow. */
import type { Notification, Page } from './api.ts'
import type { App, View } from './app.ts'
import { h } from './dom.ts'
import { followRequests } from './follow-requests.ts'
import { readOn } from './pages.ts'
import { avatar, nameOf, profilePath } from './person.ts'
import { postPath } from './post-head.ts'
import { ago } from './words.ts'

const PAGE = 30

export function notificationsView(app: App): View {
  const requests = followRequests(app)
  const list = h('ul', { class: 'notices' })
  const pages = readOn<Notification>(
    (cursor) => {
      const query = new URLSearchParams({ limit: String(PAGE), ...(cursor === null ? {} : { cursor }) })
      return app.api.call<Page<Notification>>(`/v1/notifications?${query}`)
    },
    (items, isFirst) => {
      list.append(...items.map(notice))
      if (isFirst) tellRead(items)
    },
    (isEmpty) =>
      isEmpty && list.after(h('p', { class: 'over' }, 'Nothing yet. Likes, comments and followers show here.')),
  )
  /** What could not be told is told the next time: the list shows it as new again. */
  function tellRead(items: readonly Notification[]): void {
    const [newest] = items
    if (newest === undefined || items.every(({ read }) => read)) return
    const call = { method: 'PUT', body: { upTo: newest.id }, keepalive: true } as const
    app.api.call('/v1/notifications/read', call).catch(() => undefined)
  }
  return {
    element: h(
      'div',
      { class: 'notifications-view' },
      h('h1', {}, 'Notifications'),
      requests.element,
      h('section', { 'aria-label': 'What happened' }, list, pages.foot),
    ),
    title: 'Notifications',
    close() {
      requests.close()
      pages.close()
    },
  }
}

const SENTENCES: Record<string, string> = {
  follow: 'follows you.',
  'follow-request': 'asked to follow you.',
  like: 'liked your post.',
  comment: 'commented on your post.',
}

function notice({ kind, actor, subjectId, read, createdAt }: Notification): HTMLElement {
  return h(
    'li',
    { class: read ? null : 'fresh' },
    h(
      'a',
      { class: 'person-line', href: subjectId === null ? profilePath(actor.username) : postPath(subjectId) },
      avatar(actor),
      h(
        'span',
        {},
        h('span', {}, h('span', { class: 'name' }, nameOf(actor)), ` ${SENTENCES[kind] ?? 'did something new.'}`),
        h(
          'span',
          { class: 'meta' },
          h('time', { datetime: createdAt }, ago(createdAt, Date.now())),
          read ? null : h('span', { class: 'unseen' }, ' (new)'),
        ),
      ),
    ),
  )
}
