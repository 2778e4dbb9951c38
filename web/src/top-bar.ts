/** The bar on top: home, the feeds, search, notifications, a new post, oneself. */
import type { App } from './app.ts'
import { h, icon } from './dom.ts'
import { avatar, profilePath } from './person.ts'

/** @param picture the person's, once it is known */
export function topBar(app: App, path: string, username: string, picture: HTMLElement | null): HTMLElement {
  const current = (to: string) => (path === to ? 'page' : null)
  const tab = (to: string, label: string) => h('a', { href: to, 'aria-current': current(to) }, label)
  const sign = (to: string, label: string, shape: 'search' | 'bell') =>
    h('a', { class: 'quiet', href: to, 'aria-label': label, title: label, 'aria-current': current(to) }, icon(shape))
  return h(
    'header',
    { class: 'top' },
    h(
      'div',
      { class: 'top-inner' },
      home(),
      h('nav', { class: 'tabs', 'aria-label': 'Feed' }, tab('/', 'For you'), tab('/following', 'Following')),
      sign('/search', 'Search', 'search'),
      sign('/notifications', 'Notifications', 'bell'),
      h(
        'button',
        // Named here, too: a narrow window shows the sign only.
        {
          class: `button new ${path.startsWith('/p/') ? 'apart' : ''}`,
          type: 'button',
          'aria-label': 'New post',
          'aria-haspopup': 'dialog',
          onclick: app.openCompose,
        },
        icon('plus'),
        h('span', {}, 'New post'),
      ),
      h(
        'a',
        {
          class: 'me',
          href: profilePath(username),
          'aria-label': `Your profile, ${username}`,
          'aria-current': current(profilePath(username)),
        },
        picture ?? avatar({ username, displayName: '', avatar: null }),
      ),
    ),
  )
}

const home = (): HTMLElement =>
  h(
    'a',
    { class: 'brand', href: '/', 'aria-label': 'Tideline, home' },
    h('span', { class: 'mark' }, icon('wave')),
    h('span', { class: 'brand-name' }, 'Tideline'),
  )
