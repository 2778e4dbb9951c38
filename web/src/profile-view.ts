/** A person: who they are and what they posted. */
import type { Profile } from './api.ts'
import type { App, View } from './app.ts'
import { boardChips } from './boards.ts'
import { h, icon } from './dom.ts'
import { editButton } from './edit-profile.ts'
import { postGrid } from './grid.ts'
import { sentenceOf } from './http.ts'
import { openFollowers, openFollowing } from './people-list.ts'
import { avatar, nameOf } from './person.ts'
import { privacySwitch } from './privacy.ts'
import { compact, plural } from './words.ts'

export function profileView(app: App, username: string): View {
  const element = h('div', { class: 'profile-view', 'aria-busy': 'true' })
  let closeGrid = () => {}
  let isClosed = false

  async function load(): Promise<void> {
    try {
      const profile = await app.api.call<Profile>(`/v1/users/${encodeURIComponent(username)}`)
      if (isClosed) return
      const isVisible = profile.relation?.visible !== false
      element.replaceChildren(profileHead(app, profile, isVisible))
      if (!isVisible) {
        const isAsked = profile.relation?.following === 'requested'
        const next = isAsked ? 'Your request waits for an answer.' : 'Follow to see its photos.'
        element.append(h('p', { class: 'over' }, icon('lock'), ` This account is private. ${next}`))
        return
      }
      const grid = postGrid(app, { path: `/v1/users/${profile.id}/posts`, empty: 'No posts yet.' })
      closeGrid = grid.close
      element.append(boardChips(app, profile), grid.element)
    } catch (error) {
      element.replaceChildren(h('p', { class: 'over', role: 'alert' }, sentenceOf(error)))
    } finally {
      element.setAttribute('aria-busy', 'false')
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

function profileHead(app: App, profile: Profile, isVisible: boolean): HTMLElement {
  const isOwn = profile.id === app.session.current()?.userId
  const name = h('h1', {}, nameOf(profile))
  const bio = h('p', { class: 'bio', hidden: profile.bio === '' }, profile.bio)
  const changed = (now: Pick<Profile, 'displayName' | 'username' | 'bio'>) => {
    name.textContent = now.displayName || now.username
    bio.textContent = now.bio
    bio.hidden = now.bio === ''
  }
  const buttons = isOwn
    ? [editButton(app, profile, changed), signOutButton(app)]
    : [app.follows.button(profile, profile.relation?.following ?? 'none')]
  return h(
    'header',
    { class: 'profile-head' },
    avatar(profile, 'l'),
    h(
      'div',
      { class: 'profile-about' },
      h('div', { class: 'row' }, name, ...buttons),
      h(
        'p',
        { class: 'meta' },
        `@${profile.username}`,
        profile.isPrivate && !isOwn ? ' · private' : null,
        profile.relation?.followsYou ? ' · follows you' : null,
      ),
      figures(app, profile, isVisible),
      bio,
      isOwn ? privacySwitch(app, profile) : null,
    ),
  )
}

function figures(app: App, profile: Profile, isVisible: boolean): HTMLElement {
  const number = (count: number, label: string) => [h('strong', { title: String(count) }, compact(count)), ` ${label}`]
  const figure = (content: (HTMLElement | string)[], open?: () => void) => {
    if (open === undefined) return h('li', {}, ...content)
    return h('li', {}, h('button', { type: 'button', 'aria-haspopup': 'dialog', onclick: open }, ...content))
  }
  const { id, postCount, followerCount, followingCount } = profile
  const followers = app.follows.followers(id, followerCount, profile.relation?.following ?? 'none')
  return h(
    'ul',
    { class: 'figures', 'aria-label': 'Figures' },
    figure(number(postCount, plural(postCount, 'post'))),
    figure([followers], isVisible ? () => openFollowers(app, id) : undefined),
    figure(number(followingCount, 'following'), isVisible ? () => openFollowing(app, id) : undefined),
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
  const path = `/v1/search/posts?${new URLSearchParams({ q: `#${tag}` })}`
  const grid = postGrid(app, { path, empty: 'No posts with this hashtag yet.' })
  return {
    element: h('div', { class: 'profile-view' }, h('h1', { class: 'tag-title' }, `#${tag}`), grid.element),
    title: `#${tag}`,
    close: grid.close,
  }
}
