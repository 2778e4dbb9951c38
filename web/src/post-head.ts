/** Who posted, when, and what one may do with the post; on a card and in the post's own view. */
import type { Post } from './api.ts'
import { type Child, h } from './dom.ts'
import { avatar, nameOf, profilePath } from './person.ts'
import { ago } from './words.ts'

export const postPath = (id: string): string => `/p/${id}`

/** @param label after the time, such as "Sponsored"; @param buttons at the end of the line */
export function postHead(post: Post, id: string, label: string | null, ...buttons: Child[]): HTMLElement {
  const { author } = post
  const when = new Date(post.createdAt)
  const time = h(
    'time',
    { datetime: post.createdAt, title: when.toLocaleString('en', { dateStyle: 'long', timeStyle: 'short' }) },
    ago(post.createdAt, Date.now()),
  )
  return h(
    'header',
    { class: 'card-head' },
    h('a', { href: profilePath(author.username), tabindex: -1, 'aria-hidden': 'true' }, avatar(author)),
    h(
      'div',
      { class: 'by' },
      h('a', { class: 'name', id, href: profilePath(author.username) }, nameOf(author)),
      h('p', { class: 'meta' }, h('a', { class: 'when', href: postPath(post.id) }, time), label && ` · ${label}`),
    ),
    ...buttons,
  )
}
