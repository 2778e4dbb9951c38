/** Shows the view that the address names, and keeps the feeds for the way back. */
import type { App, View } from './app.ts'
import { h } from './dom.ts'
import { type FeedMode, feedView } from './feed-view.ts'
import { postView } from './post-view.ts'
import { profileView, tagView } from './profile-view.ts'
import { searchView } from './search-view.ts'
import { signInView } from './sign-in-view.ts'
import { topBar } from './top-bar.ts'

const FEEDS: Record<string, FeedMode> = { '/': 'ranked', '/following': 'following' }

export const isFeed = (path: string): boolean => FEEDS[path] !== undefined

/** The views that an address names, by its first part. */
const VIEWS: Record<string, (app: App, name: string) => View> = { u: profileView, tag: tagView, p: postView }

/** A feed stays as it is while somebody looks at something else: the way back leads to the same place. */
interface Kept {
  view: View
  scroll: number
  focus: Element | null
  /** Milliseconds since the epoch. */
  openedAt: number
}

/** So long after a follow, what was posted before it may still be on its way into the feed. */
const FOLLOW_SETTLES_MS = 30_000

export interface Screens {
  /** @param isMove the person went there: the focus follows */
  show(isMove?: boolean): void
  /** Closes everything that was kept: it is another person's. */
  forget(): void
}

export function createScreens(app: App, root: HTMLElement, picture: () => HTMLElement | null): Screens {
  const feeds = new Map<string, Kept>()
  const main = h('main', { id: 'main', tabindex: -1 })
  let shown: { path: string; view: View } | null = null

  let followedAt = Number.NEGATIVE_INFINITY
  app.news.on('followed', () => {
    followedAt = Date.now()
  })
  /** Of people followed since it was opened it may know nothing: it is read anew. */
  const isStale = (path: string) => {
    const kept = feeds.get(path)
    return path === '/following' && kept !== undefined && kept.openedAt < followedAt + FOLLOW_SETTLES_MS
  }
  function discard(path: string): void {
    feeds.get(path)?.view.close()
    feeds.delete(path)
  }
  function leave(): void {
    if (shown === null) return
    const kept = feeds.get(shown.path)
    if (kept === undefined) shown.view.close()
    else {
      Object.assign(kept, { scroll: window.scrollY, focus: document.activeElement })
      shown.view.pause?.()
    }
    shown = null
  }
  function viewOf(path: string): View {
    const mode = FEEDS[path]
    if (mode !== undefined) {
      const view = feeds.get(path)?.view ?? feedView(app, mode)
      if (!feeds.has(path)) feeds.set(path, { view, scroll: 0, focus: null, openedAt: Date.now() })
      return view
    }
    const [, kind = '', name = ''] = path.split('/')
    const open = VIEWS[kind]
    return open === undefined ? searchView(app, queryOf(location.search)) : open(app, decode(name))
  }

  function show(isMove = false): void {
    leave()
    const person = app.session.current()
    if (person === null) {
      root.replaceChildren(h('main', { id: 'main' }, signInView(app).element))
      document.title = 'Tideline'
      return
    }
    if (!isKnown(location.pathname)) history.replaceState(history.state, '', '/')
    const path = location.pathname
    if (isStale(path)) discard(path)
    const kept = feeds.get(path)
    const view = viewOf(path)
    shown = { path, view }
    main.replaceChildren(view.element)
    root.replaceChildren(topBar(app, path, person.username, picture()), main)
    document.title = `${view.title} · Tideline`
    if (kept !== undefined) view.resume?.()
    window.scrollTo(0, kept?.scroll ?? 0)
    if (isMove) focusOn(view, kept?.focus, main)
  }
  return {
    show,
    forget() {
      leave()
      for (const path of [...feeds.keys()]) discard(path)
    },
  }
}

/** Where the person was, where the view begins, or its top. */
function focusOn(view: View, before: Element | null | undefined, main: HTMLElement): void {
  if (view.focus !== undefined) view.focus()
  else if (before instanceof HTMLElement && main.contains(before)) before.focus({ preventScroll: true })
  else main.focus({ preventScroll: true })
}

const isKnown = (path: string): boolean =>
  isFeed(path) || path === '/search' || (/^\/\w+\/[^/]+$/.test(path) && VIEWS[path.split('/')[1] ?? ''] !== undefined)

const queryOf = (search: string): string => new URLSearchParams(search).get('q') ?? ''

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
