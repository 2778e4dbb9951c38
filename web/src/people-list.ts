/** People as lines that lead to their profiles, and the dialog of those who like a post. */
import type { Page, Person, Post } from './api.ts'
import type { App } from './app.ts'
import { openDialog } from './dialog.ts'
import { h } from './dom.ts'
import { readOn } from './pages.ts'
import { avatar, nameOf, profilePath } from './person.ts'

export function personLine(person: Person): HTMLElement {
  return h(
    'li',
    {},
    h(
      'a',
      { class: 'person-line', href: profilePath(person.username) },
      avatar(person),
      h('span', {}, h('span', { class: 'name' }, nameOf(person)), h('span', { class: 'meta' }, `@${person.username}`)),
    ),
  )
}

export function openLikers(app: App, post: Post): void {
  const list = h('ul', { class: 'person-lines' })
  const pages = readOn<{ person: Person }>(
    (cursor) => {
      const query = new URLSearchParams({ limit: '50', ...(cursor === null ? {} : { cursor }) })
      return app.api.call<Page<{ person: Person }>>(`/v1/posts/${post.id}/likes?${query}`)
    },
    (likes) => list.append(...likes.map(({ person }) => personLine(person))),
    (isEmpty) => isEmpty && list.append(h('li', { class: 'hint' }, 'Nobody yet.')),
  )
  const box = h('div', { class: 'scroll', tabindex: -1 }, list, pages.foot)
  const { element } = openDialog({ title: 'Liked by', kind: 'drawer' }, box)
  element.addEventListener('close', pages.close)
  element.addEventListener('click', (event) => {
    if (event.target instanceof Element && event.target.closest('a') !== null) element.close()
  })
}
