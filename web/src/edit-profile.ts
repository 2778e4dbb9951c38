/** Changing what one's own profile says. */
import type { Profile } from './api.ts'
import type { App } from './app.ts'
import { openDialog } from './dialog.ts'
import { h } from './dom.ts'
import { sentenceOf } from './http.ts'

const LONGEST_NAME = 100
const LONGEST_BIO = 500

/** @param changed told the profile as it is now */
export function editButton(app: App, profile: Profile, changed: (now: Profile) => void): HTMLElement {
  let current = profile
  const open = () =>
    openEditor(app, current, (now) => {
      current = now
      changed(now)
    })
  return h(
    'button',
    { class: 'button subtle', type: 'button', 'aria-haspopup': 'dialog', onclick: open },
    'Edit profile',
  )
}

function openEditor(app: App, profile: Profile, changed: (now: Profile) => void): void {
  const name = h('input', { name: 'displayName', maxlength: LONGEST_NAME, autocomplete: 'name' })
  name.value = profile.displayName
  const bio = h('textarea', { name: 'bio', rows: 4, maxlength: LONGEST_BIO })
  bio.value = profile.bio
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  const save = h('button', { class: 'button wide', type: 'submit' }, 'Save')
  async function send(): Promise<void> {
    if (save.disabled) return
    save.disabled = true
    problem.hidden = true
    const body = { displayName: name.value.trim(), bio: bio.value.trim() }
    try {
      changed(await app.api.call<Profile>('/v1/me', { method: 'PATCH', body }))
      dialog.close()
    } catch (error) {
      problem.textContent = sentenceOf(error)
      problem.hidden = false
    } finally {
      save.disabled = false
    }
  }
  const onsubmit = (event: Event) => {
    event.preventDefault()
    void send()
  }
  const field = (label: string, input: HTMLElement) => h('label', { class: 'field' }, h('span', {}, label), input)
  const form = h('form', { class: 'compose', onsubmit }, field('Name', name), field('About', bio), problem, save)
  const dialog = openDialog({ title: 'Edit profile', kind: 'sheet' }, form)
}
