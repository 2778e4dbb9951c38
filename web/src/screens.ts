/** Shows the view that the address names. */
import { placeOf, type ViewName } from '#core/views.ts'
import type { App, View } from './app.ts'
import { boardView } from './board-view.ts'
import { h } from './dom.ts'
import { keepFeeds } from './kept-feeds.ts'
import { notFoundView } from './not-found-view.ts'
import { notificationsView } from './notifications-view.ts'
import { postView } from './post-view.ts'
import { profileView, tagView } from './profile-view.ts'
import { searchView } from './search-view.ts'
import { signInView } from './sign-in-view.ts'
import { topBar } from './top-bar.ts'

/** The views that are opened anew whenever somebody comes; feeds are kept. */
const VIEWS: Record<Exclude<ViewName, 'feed'>, (app: App, name: string) => View> = {
  search: (app) => searchView(app, queryOf(location.search)),
  notifications: notificationsView,
  person: profileView,
  tag: tagView,
  post: postView,
  board: boardView,
}

export interface Screens {
  /** @param isMove the person went there: the focus follows */
  show(isMove?: boolean): void
  /** Closes everything that was kept: it is another person's. */
  forget(): void
}

export function createScreens(app: App, root: HTMLElement, picture: () => HTMLElement | null): Screens {
  const feeds = keepFeeds(app)
  const main = h('main', { id: 'main', tabindex: -1 })
  let shown: { path: string; view: View } | null = null

  function leave(): void {
    if (shown !== null && !feeds.leave(shown.path)) shown.view.close()
    shown = null
  }
  function show(isMove = false): void {
    leave()
    const path = location.pathname
    const person = app.session.current()
    if (person === null) {
      const view = placeOf(path) === null ? notFoundView() : signInView(app)
      root.replaceChildren(h('main', { id: 'main' }, view.element))
      document.title = placeOf(path) === null ? `${view.title} · Tideline` : 'Tideline'
      return
    }
    const { view, left } = feeds.open(path) ?? { view: openView(app, path), left: null }
    shown = { path, view }
    main.replaceChildren(view.element)
    root.replaceChildren(topBar(app, path, person.username, picture()), main)
    document.title = `${view.title} · Tideline`
    if (left !== null) view.resume?.()
    window.scrollTo(0, left?.scroll ?? 0)
    if (isMove) focusOn(view, left?.focus, main)
  }
  return {
    show,
    forget() {
      leave()
      feeds.forget()
    },
  }
}

function openView(app: App, path: string): View {
  const place = placeOf(path)
  if (place === null || place.view === 'feed') return notFoundView()
  return VIEWS[place.view](app, decode(place.name))
}

/** Where the person was, where the view begins, or its top. */
function focusOn(view: View, before: Element | null | undefined, main: HTMLElement): void {
  if (view.focus !== undefined) view.focus()
  else if (before instanceof HTMLElement && main.contains(before)) before.focus({ preventScroll: true })
  else main.focus({ preventScroll: true })
}

const queryOf = (search: string): string => new URLSearchParams(search).get('q') ?? ''

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
