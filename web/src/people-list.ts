/** People as lines that lead to their profiles, and dialogs that list them. */
import type { Id, Page, Person, Post } from './api.ts'
import type { App } from './app.ts'
import { openDialog } from './dialog.ts'
import { h } from './dom.ts'
import { readOn } from './pages.ts'
import { avatar, nameOf, profilePath } from './person.ts'

/** @param buttons at the end of the line */
export function personLine(person: Person, ...buttons: HTMLElement[]): HTMLElement {
  return h(
    'li',
    {},
    h(
      'a',
      { class: 'person-line', href: profilePath(person.username) },
      avatar(person),
      h('span', {}, h('span', { class: 'name' }, nameOf(person)), h('span', { class: 'meta' }, `@${person.username}`)),
    ),
    ...buttons,
  )
}

export const openLikers = (app: App, post: Post): void =>
  openPeople<{ person: Person }>(app, { title: 'Liked by', path: `/v1/posts/${post.id}/likes` }, ({ person }) => person)

export const openFollowers = (app: App, id: Id): void =>
  openPeople<Person>(app, { title: 'Followers', path: `/v1/users/${id}/followers` }, (person) => person)

export const openFollowing = (app: App, id: Id): void =>
  openPeople<Person>(app, { title: 'Following', path: `/v1/users/${id}/following` }, (person) => person)

/** @param path of a list whose entries are people, or name one */
function openPeople<T>(
  app: App,
  { title, path }: { title: string; path: string },
  personOf: (entry: T) => Person,
): void {
  const list = h('ul', { class: 'person-lines' })
  const pages = readOn<T>(
    (cursor) => {
      const query = new URLSearchParams({ limit: '50', ...(cursor === null ? {} : { cursor }) })
      return app.api.call<Page<T>>(`${path}?${query}`)
    },
    (entries) => list.append(...entries.map((entry) => personLine(personOf(entry)))),
    (isEmpty) => isEmpty && list.append(h('li', { class: 'hint' }, 'Nobody yet.')),
  )
  const box = h('div', { class: 'scroll', tabindex: -1 }, list, pages.foot)
  const { element } = openDialog({ title, kind: 'drawer' }, box)
  element.addEventListener('close', pages.close)
  element.addEventListener('click', (event) => {
    if (event.target instanceof Element && event.target.closest('a') !== null) element.close()
  })
}
