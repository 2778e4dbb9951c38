import { type Child, h } from './dom.ts'
import { captionParts } from './words.ts'

/** A caption with its hashtags as links. */
export function caption(text: string): Child[] {
  return captionParts(text).map(({ text, tag }) =>
    tag === null ? text : h('a', { class: 'tag', href: `/tag/${encodeURIComponent(tag)}` }, text),
  )
}
