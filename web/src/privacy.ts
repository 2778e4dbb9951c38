/** The switch that makes one's own account private or public. */
import type { Profile } from './api.ts'
import type { App } from './app.ts'
import { h } from './dom.ts'
import { sentenceOf } from './http.ts'
import { createToggle } from './optimistic.ts'

const MEANING = 'Only people whom you accept see your photos.'

export function privacySwitch(app: App, { isPrivate }: Pick<Profile, 'isPrivate'>): HTMLElement {
  const toggle = createToggle(
    isPrivate,
    (on) => app.api.call('/v1/me', { method: 'PATCH', body: { isPrivate: on } }),
    (on, error) => {
      paint(on)
      if (error !== undefined) app.toast(sentenceOf(error))
    },
  )
  const button = h(
    'button',
    {
      class: 'switch',
      type: 'button',
      role: 'switch',
      'aria-describedby': 'privacy-meaning',
      onclick: () => void toggle.flip(),
    },
    h('span', { class: 'knob', 'aria-hidden': 'true' }),
    'Private account',
  )
  const requests = h('a', { class: 'plain', href: '/notifications' }, 'Follow requests')
  const paint = (on: boolean) => {
    button.setAttribute('aria-checked', String(on))
    requests.hidden = !on
  }
  paint(isPrivate)
  return h(
    'div',
    { class: 'privacy' },
    button,
    h('p', { class: 'hint', id: 'privacy-meaning' }, MEANING, ' ', requests),
  )
}
