/** The page: wires session, API and views, and shows the view that the address names. */
import type { FeedItem } from './api.ts'
import type { App, View } from './app.ts'
import { openComments } from './comments.ts'
import { openCompose } from './compose.ts'
import { h, icon } from './dom.ts'
import { type FeedMode, feedView } from './feed-view.ts'
import { createFollows } from './follow.ts'
import { createApi } from './http.ts'
import { avatar, profilePath } from './person.ts'
import { profileView, tagView } from './profile-view.ts'
import { createSessionStore } from './session.ts'
import { signInView } from './sign-in-view.ts'
import { createToasts } from './toast.ts'

const root = document.querySelector<HTMLElement>('#app')
if (root === null) throw new Error('the page has no #app')

const session = createSessionStore(window.sessionStorage)
const api = createApi(session)
const toast = createToasts(document.body)
const follows = createFollows(api, toast)
const postedListeners = new Set<(item: FeedItem) => void>()

const app: App = {
  api,
  session,
  follows,
  toast,
  go(path) {
    history.pushState(null, '', path)
    show()
  },
  openComments: (post, onCount) => openComments(app, post, onCount),
  openCompose: () =>
    openCompose(app, (item) => {
      if (feedMode(location.pathname) === null) app.go('/')
      for (const listener of postedListeners) listener(item)
    }),
  onPosted(listener) {
    postedListeners.add(listener)
    return () => postedListeners.delete(listener)
  },
}

const FEEDS: Record<string, FeedMode> = { '/': 'ranked', '/following': 'following' }
const feedMode = (path: string): FeedMode | null => FEEDS[path] ?? null

/** Feeds stay as they are while somebody looks at a profile: the way back leads to the same place. */
const feeds = new Map<string, { view: View; scroll: number }>()
let shown: { path: string; view: View } | null = null
const main = h('main', { id: 'main', tabindex: -1 })

function viewOf(path: string): View {
  const mode = feedMode(path)
  if (mode !== null) {
    const kept = feeds.get(path)
    if (kept !== undefined) return kept.view
    const view = feedView(app, mode)
    feeds.set(path, { view, scroll: 0 })
    return view
  }
  const [, kind, name = ''] = path.split('/')
  if (kind === 'tag') return tagView(app, decode(name))
  return profileView(app, decode(name))
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function leave(): void {
  if (shown === null) return
  const kept = feeds.get(shown.path)
  if (kept === undefined) shown.view.close()
  else {
    kept.scroll = window.scrollY
    shown.view.pause?.()
  }
  shown = null
}

function show(): void {
  leave()
  const person = session.current()
  if (person === null) {
    const view = signInView(app)
    root?.replaceChildren(h('main', { id: 'main' }, view.element))
    document.title = 'Tideline'
    return
  }
  const known = /^\/(u|tag)\/[^/]+$/.test(location.pathname) || feedMode(location.pathname) !== null
  if (!known) history.replaceState(null, '', '/')
  const path = location.pathname
  const isReturn = feeds.has(path)
  const view = viewOf(path)
  shown = { path, view }
  main.replaceChildren(view.element)
  root?.replaceChildren(topBar(path, person.username), main)
  document.title = `${view.title} · Tideline`
  if (isReturn) view.resume?.()
  window.scrollTo(0, feeds.get(path)?.scroll ?? 0)
}

function topBar(path: string, username: string): HTMLElement {
  const tab = (to: string, label: string) => h('a', { href: to, 'aria-current': path === to ? 'page' : null }, label)
  return h(
    'header',
    { class: 'top' },
    h(
      'div',
      { class: 'top-inner' },
      h(
        'a',
        { class: 'brand', href: '/', 'aria-label': 'Tideline, home' },
        h('span', { class: 'mark' }, icon('wave')),
        h('span', { class: 'brand-name' }, 'Tideline'),
      ),
      h('nav', { class: 'tabs', 'aria-label': 'Feed' }, tab('/', 'For you'), tab('/following', 'Following')),
      h(
        'button',
        { class: 'button new', type: 'button', onclick: app.openCompose },
        icon('plus'),
        h('span', {}, 'New post'),
      ),
      h(
        'a',
        { class: 'me', href: profilePath(username), 'aria-label': `Your profile, ${username}` },
        me ?? avatar({ username, displayName: '', avatar: null }),
      ),
    ),
  )
}

/** The person's own picture, once it is known. */
let me: HTMLElement | null = null
async function learnMe(): Promise<void> {
  me = null
  if (session.current() === null) return
  const profile = await api.call<{ username: string; displayName: string; avatar: string | null }>('/v1/me')
  me = avatar(profile)
  document.querySelector('.me')?.replaceChildren(me)
}

function forget(): void {
  leave()
  for (const { view } of feeds.values()) view.close()
  feeds.clear()
  follows.forget()
}

session.onChange((person) => {
  forget()
  if (person === null) history.replaceState(null, '', '/')
  show()
  // The letters stand in for the picture.
  void learnMe().catch(() => {})
})

document.addEventListener('click', (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (link === null || link.origin !== location.origin || link.target !== '' || link.hash !== '') return
  event.preventDefault()
  if (link.pathname !== location.pathname) app.go(link.pathname)
  else window.scrollTo({ top: 0, behavior: 'smooth' })
})
window.addEventListener('popstate', show)
history.scrollRestoration = 'manual'
show()
void learnMe().catch(() => {})
