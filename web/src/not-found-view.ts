/** An address that has no view. */
import type { View } from './app.ts'
import { h, icon } from './dom.ts'

export function notFoundView(): View {
  return {
    element: h(
      'div',
      { class: 'nothing' },
      icon('wave'),
      h('h1', {}, 'There is nothing here'),
      h('p', {}, 'The address may be wrong, or what it named is gone.'),
      h('a', { class: 'button', href: '/' }, 'To the feed'),
    ),
    title: 'Not found',
    close: () => {},
  }
}
