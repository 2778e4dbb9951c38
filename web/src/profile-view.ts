/** A person: who they are and what they posted. */
import type { Profile } from './api.ts'
import type { App, View } from './app.ts'
import { h, icon } from './dom.ts'
import { postGrid } from './grid.ts'
import { sentenceOf } from './http.ts'
import { avatar, nameOf } from './person.ts'
import { compact } from './words.ts'

export function profileView(app: App, username: string): View {
  const element = h('div', { class: 'profile-view', 'aria-busy': 'true' })
  let closeGrid = () => {}
  let isClosed = false

  async function load(): Promise<void> {
    try {
      const profile = await app.api.call<Profile>(`/v1/users/${encodeURIComponent(username)}`)
      if (isClosed) return
      element.replaceChildren(profileHead(app, profile))
      element.setAttribute('aria-busy', 'false')
      if (profile.relation?.visible === false) {
        element.append(h('p', { class: 'over' }, icon('lock'), ' This account is private. Follow to see its photos.'))
        return
      }
      const grid = postGrid(app, `/v1/users/${profile.id}/posts`, 'No posts yet.')
      closeGrid = grid.close
      element.append(grid.element)
    } catch (error) {
      element.replaceChildren(h('p', { class: 'over', role: 'alert' }, sentenceOf(error)))
    }
  }
  void load()
  return {
    element,
    title: `@${username}`,
    close() {
      isClosed = true
      closeGrid()
    },
  }
}

function profileHead(app: App, profile: Profile): HTMLElement {
  const isOwn = profile.id === app.session.current()?.userId
  const figure = (count: number, label: string) =>
    h('div', {}, h('dt', {}, label), h('dd', { title: String(count) }, compact(count)))
  return h(
    'header',
    { class: 'profile-head' },
    avatar(profile, 'l'),
    h(
      'div',
      { class: 'profile-about' },
      h(
        'div',
        { class: 'row' },
        h('h1', {}, nameOf(profile)),
        isOwn ? signOutButton(app) : app.follows.button(profile, profile.relation?.following ?? 'none'),
      ),
      h(
        'p',
        { class: 'meta' },
        `@${profile.username}`,
        profile.isPrivate ? ' · private' : null,
        profile.relation?.followsYou ? ' · follows you' : null,
      ),
      h(
        'dl',
        { class: 'figures' },
        figure(profile.postCount, 'posts'),
        figure(profile.followerCount, 'followers'),
        figure(profile.followingCount, 'following'),
      ),
      profile.bio === '' ? null : h('p', { class: 'bio' }, profile.bio),
    ),
  )
}

function signOutButton(app: App): HTMLElement {
  const button = h('button', { class: 'button subtle', type: 'button', onclick: () => void signOut() }, 'Sign out')
  async function signOut(): Promise<void> {
    if (button.disabled) return
    button.disabled = true
    const refreshToken = app.session.refreshToken()
    // Signing out here must work with the network away, too.
    await app.api.call('/v1/sessions', { method: 'DELETE', body: { refreshToken } }).catch(() => {})
    app.session.end()
  }
  return button
}

export function tagView(app: App, tag: string): View {
  const grid = postGrid(
    app,
    `/v1/search/posts?${new URLSearchParams({ q: `#${tag}` })}`,
    'No posts with this hashtag yet.',
  )
  return {
    element: h('div', { class: 'profile-view' }, h('h1', { class: 'tag-title' }, `#${tag}`), grid.element),
    title: `#${tag}`,
    close: grid.close,
  }
}
