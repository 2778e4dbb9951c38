/** Whom the person follows, as far as this tab has learnt, and the buttons that change it. */
import type { FollowState, Id, Person } from './api.ts'
import { h } from './dom.ts'

import { type Api, sentenceOf } from './http.ts'
import type { News } from './news.ts'
import { compact, plural } from './words.ts'

export interface Follows {
  /** A button for somebody; `known` is what the server said, unless it was changed here since. */
  button(person: Person, known: FollowState): HTMLButtonElement
  /** How many follow somebody, as it is with this person's own following; counted in `known` by the server. */
  followers(id: Id, count: number, known: FollowState): HTMLElement
  /** Whether somebody was unfollowed here: their posts are to leave the feeds. */
  isDropped(id: Id): boolean
  /** Paints the buttons below an element that was out of the document meanwhile. */
  repaint(root: ParentNode): void
  forget(): void
}

const LABEL: Record<FollowState, string> = { none: 'Follow', requested: 'Requested', active: 'Following' }

const buttons = (root: ParentNode, id?: Id) =>
  root.querySelectorAll<HTMLButtonElement>(id === undefined ? '[data-follow]' : `[data-follow="${CSS.escape(id)}"]`)

const paint = (button: HTMLButtonElement, state: FollowState) => {
  button.textContent = LABEL[state]
  button.setAttribute('aria-pressed', String(state !== 'none'))
  button.setAttribute('aria-label', `${LABEL[state]} ${button.dataset.name ?? ''}`)
}

const paintCount = (element: HTMLElement, state: FollowState) => {
  const count = Number(element.dataset.others) + (state === 'active' ? 1 : 0)
  element.replaceChildren(h('strong', { title: String(count) }, compact(count)), ` ${plural(count, 'follower')}`)
}

const counts = (root: ParentNode, id?: Id) =>
  root.querySelectorAll<HTMLElement>(id === undefined ? '[data-followers]' : `[data-followers="${CSS.escape(id)}"]`)

export function createFollows(api: Api, news: News, toast: (text: string) => void): Follows {
  const changed = new Map<Id, FollowState>()
  /** One change of a person at a time: the second click of a double click changes nothing. */
  const changing = new Set<Id>()
  const set = (id: Id, state: FollowState) => {
    changed.set(id, state)
    for (const button of buttons(document, id)) paint(button, state)
    for (const count of counts(document, id)) paintCount(count, state)
  }

  async function change(id: Id, from: FollowState): Promise<void> {
    if (changing.has(id)) return
    changing.add(id)
    set(id, from === 'none' ? 'active' : 'none')
    if (from === 'none') news.tell('followed', id)
    try {
      const path = `/v1/users/${id}/follow`
      if (from !== 'none') await api.call(path, { method: 'DELETE' })
      else set(id, (await api.call<{ state: FollowState }>(path, { method: 'PUT' })).state)
    } catch (error) {
      set(id, from)
      toast(sentenceOf(error))
    } finally {
      changing.delete(id)
    }
  }

  return {
    button(person, known) {
      const state = () => changed.get(person.id) ?? known
      const button = h('button', {
        class: 'follow',
        type: 'button',
        'data-follow': person.id,
        'data-name': person.displayName || person.username,
        onclick: () => void change(person.id, state()),
      })
      paint(button, state())
      return button
    },
    followers(id, count, known) {
      const others = count - (known === 'active' ? 1 : 0)
      const element = h('span', { 'data-followers': id, 'data-others': others })
      paintCount(element, changed.get(id) ?? known)
      return element
    },
    isDropped: (id) => changed.get(id) === 'none',
    repaint(root) {
      for (const button of buttons(root)) {
        const state = changed.get(button.dataset.follow ?? '')
        if (state !== undefined) paint(button, state)
      }
      for (const count of counts(root)) {
        const state = changed.get(count.dataset.followers ?? '')
        if (state !== undefined) paintCount(count, state)
      }
    },
    forget: () => changed.clear(),
  }
}
