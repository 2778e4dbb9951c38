/** Signing in: as one of the demo's people, or as oneself. */
import { DISPLAY_NAME_MAX, EMAIL_MAX, isPassword, isUsername, PASSWORD_RULE, USERNAME_RULE } from '#core/sign-up.ts'
import type { Tokens } from './api.ts'
import type { App, View } from './app.ts'
import { h, icon } from './dom.ts'
import { ApiError, sentenceOf } from './http.ts'
import { avatar } from './person.ts'

interface Demo {
  password: string
  people: { username: string; displayName: string; bio?: string; avatarUrl?: string | null }[]
}

export function signInView(app: App): View {
  const picker = h('section', { class: 'picker', hidden: true, 'aria-labelledby': 'picker-title' })
  const forms = h('section', { class: 'own' })
  const show = (isNew: boolean) => forms.replaceChildren(...accountForm(app, isNew, () => show(!isNew)))
  show(false)
  void readDemo().then((demo) => {
    if (demo === null) return
    picker.append(...demoPicker(app, demo))
    picker.hidden = false
  })
  return {
    element: h(
      'div',
      { class: 'sign-in' },
      h(
        'header',
        { class: 'welcome' },
        h('span', { class: 'mark' }, icon('wave')),
        h('h1', {}, 'Tideline'),
        h('p', {}, 'Photos from people you follow, as they come in.'),
      ),
      picker,
      forms,
    ),
    title: 'Sign in',
    close: () => {},
  }
}

/** Null in production, where nobody is to be somebody else. */
async function readDemo(): Promise<Demo | null> {
  try {
    const demo = (await (await fetch('/demo.json')).json()) as Demo | null
    return demo !== null && demo.people.length > 0 ? demo : null
  } catch {
    return null
  }
}

function demoPicker(app: App, { password, people }: Demo): HTMLElement[] {
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  let isEntering = false
  const tiles = people.map((person) => {
    const tile = h(
      'button',
      { class: 'person', type: 'button', onclick: () => void enter() },
      avatar({ ...person, avatar: person.avatarUrl ?? null }, 'm'),
      h('span', { class: 'name' }, person.displayName),
      h('span', { class: 'meta' }, person.bio ?? `@${person.username}`),
    )
    async function enter(): Promise<void> {
      if (isEntering) return
      isEntering = true
      tile.setAttribute('aria-busy', 'true')
      problem.hidden = true
      try {
        await signIn(app, person.username, password)
      } catch (error) {
        problem.textContent = sentenceOf(error)
        problem.hidden = false
      } finally {
        isEntering = false
        tile.removeAttribute('aria-busy')
      }
    }
    return h('li', {}, tile)
  })
  return [
    h('h2', { id: 'picker-title' }, 'Look around as'),
    h('ul', { class: 'people' }, ...tiles),
    problem,
    h('p', { class: 'hint' }, 'Every tab can be somebody else: the first four follow each other.'),
  ]
}

async function signIn(app: App, login: string, password: string): Promise<void> {
  app.session.keep(await app.api.call<Tokens>('/v1/sessions', { method: 'POST', body: { login, password } }))
}

interface Field {
  name: string
  label: string
  type?: string
  autocomplete: string
  maxlength?: number
  /** What may be written, and the sentence for what may not. */
  rule?: { fits(text: string): boolean; sentence: string }
}

const SIGN_IN: Field[] = [
  { name: 'login', label: 'User name or e-mail', autocomplete: 'username' },
  { name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' },
]
/** The API's own rules, told before it is asked. A password has no maxlength: the browser would cut one in silence. */
const SIGN_UP: Field[] = [
  {
    ...{ name: 'username', label: 'User name', autocomplete: 'username' },
    rule: { fits: isUsername, sentence: USERNAME_RULE },
  },
  { name: 'displayName', label: 'Name', autocomplete: 'name', maxlength: DISPLAY_NAME_MAX },
  { name: 'email', label: 'E-mail', type: 'email', autocomplete: 'email', maxlength: EMAIL_MAX },
  {
    ...{ name: 'password', label: 'Password', type: 'password', autocomplete: 'new-password' },
    rule: { fits: isPassword, sentence: PASSWORD_RULE },
  },
]

function fieldLine({ label, type = 'text', rule, ...attributes }: Field): HTMLElement {
  const input = h('input', { ...attributes, type, required: true, autocapitalize: 'none' })
  input.addEventListener('input', () => {
    // An empty one is told by the browser that it is required.
    const fits = rule === undefined || input.value === '' || rule.fits(input.value)
    input.setCustomValidity(fits ? '' : rule.sentence)
  })
  return h('label', { class: 'field' }, h('span', {}, label), input)
}

function accountForm(app: App, isNew: boolean, change: () => void): HTMLElement[] {
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  const submit = h('button', { class: 'button wide', type: 'submit' }, isNew ? 'Create account' : 'Sign in')
  const form = h(
    'form',
    {
      onsubmit: (event) => {
        event.preventDefault()
        void send()
      },
    },
    ...(isNew ? SIGN_UP : SIGN_IN).map(fieldLine),
    problem,
    submit,
  )
  async function send(): Promise<void> {
    const values = Object.fromEntries(new FormData(form)) as Record<string, string>
    if (submit.disabled) return
    submit.disabled = true
    problem.hidden = true
    try {
      if (isNew) app.session.keep(await app.api.call<Tokens>('/v1/accounts', { method: 'POST', body: values }))
      else await signIn(app, values.login ?? '', values.password ?? '')
    } catch (error) {
      const fields = error instanceof ApiError ? [...error.fields.values()] : []
      problem.textContent = fields.length > 0 ? fields.join(' ') : sentenceOf(error)
      problem.hidden = false
    } finally {
      submit.disabled = false
    }
  }
  return [
    h('h2', {}, isNew ? 'Create an account' : 'Sign in'),
    form,
    h(
      'p',
      { class: 'hint' },
      isNew ? 'You have an account? ' : 'New here? ',
      h('button', { class: 'plain', type: 'button', onclick: change }, isNew ? 'Sign in' : 'Create an account'),
    ),
  ]
}
