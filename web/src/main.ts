/** The page: wires session, API and views together. */
import type { App } from './app.ts'
import { openComments } from './comments.ts'
import { openCompose } from './compose.ts'
import { createEngagement } from './engagement.ts'
import { createFollows } from './follow.ts'
import { createApi } from './http.ts'
import { isFeed } from './kept-feeds.ts'
import { createNews } from './news.ts'
import { avatar } from './person.ts'
import { createScreens } from './screens.ts'
import { createSessionStore } from './session.ts'
import { createToasts } from './toast.ts'

const root = document.querySelector<HTMLElement>('#app')
if (root === null) throw new Error('the page has no #app')

const session = createSessionStore(window.sessionStorage, new BroadcastChannel('tideline.session'))
const api = createApi(session)
const toast = createToasts(document.body)
const news = createNews()
const follows = createFollows(api, news, toast)
const engagement = createEngagement(api, toast)

const app: App = {
  api,
  session,
  follows,
  engagement,
  news,
  toast,
  go(path) {
    history.pushState({ isInside: true }, '', path)
    screens.show(true)
  },
  back() {
    if ((history.state as { isInside?: boolean } | null)?.isInside) history.back()
    else app.go('/')
  },
  openComments: (post) => openComments(app, post),
  openCompose: () =>
    openCompose(app, (item) => {
      if (!isFeed(location.pathname)) app.go('/')
      news.tell('posted', item)
    }),
}

/** The person's own picture, once it is known. */
let me: HTMLElement | null = null
async function learnMe(): Promise<void> {
  me = null
  const userId = session.current()?.userId
  if (userId === undefined) return
  const profile = await api.call<{ username: string; displayName: string; avatar: string | null }>('/v1/me')
  // Somebody else may have signed in meanwhile.
  if (session.current()?.userId !== userId) return
  me = avatar(profile)
  document.querySelector('.me')?.replaceChildren(me)
}

const screens = createScreens(app, root, () => me)

session.onChange((person) => {
  for (const part of [screens, follows, engagement]) part.forget()
  if (person === null) history.replaceState(null, '', '/')
  screens.show()
  // The letters stand in for the picture.
  void learnMe().catch(() => {})
})

document.addEventListener('click', (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
  const link = event.target instanceof Element ? event.target.closest('a') : null
  if (link === null || link.origin !== location.origin || link.target !== '' || link.hash !== '') return
  event.preventDefault()
  if (link.pathname !== location.pathname) app.go(link.pathname + link.search)
  else window.scrollTo({ top: 0, behavior: 'smooth' })
})
window.addEventListener('popstate', () => screens.show(true))
history.scrollRestoration = 'manual'
screens.show()
void learnMe().catch(() => {})
