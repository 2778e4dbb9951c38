/** Search: people, hashtags and posts for what is written, as it is written. */
import type { Page, Person } from './api.ts'
import type { App, View } from './app.ts'
import { type Child, h } from './dom.ts'
import { postGrid } from './grid.ts'
import { sentenceOf } from './http.ts'
import { personLine } from './people-list.ts'
import { counted } from './words.ts'

const PAUSE_MS = 250
const LONGEST = 100
const MOST_PEOPLE = 6
const MOST_TAGS = 8

interface Found {
  people: Person[]
  tags: { tag: string; posts: number }[]
}

const searchPath = (text: string): string => (text === '' ? '/search' : `/search?${new URLSearchParams({ q: text })}`)

export function searchView(app: App, initial: string): View {
  const results = searchResults(app)
  const box = h('input', {
    type: 'search',
    name: 'q',
    value: initial,
    maxlength: LONGEST,
    autocomplete: 'off',
    autocapitalize: 'none',
    placeholder: 'People, #hashtags, what a photo shows',
    'aria-label': 'Search',
    oninput: () => {
      clearTimeout(timer)
      timer = setTimeout(find, PAUSE_MS)
    },
  })
  let timer: ReturnType<typeof setTimeout> | undefined
  const find = () => {
    clearTimeout(timer)
    const text = box.value.trim()
    // The address says what is shown, so that it can be passed on and found again on the way back.
    history.replaceState(history.state, '', searchPath(text))
    results.show(text)
  }
  const onsubmit = (event: Event) => {
    event.preventDefault()
    find()
  }
  if (initial.trim() !== '') results.show(initial.trim())
  return {
    element: h(
      'div',
      { class: 'search-view' },
      h('h1', { class: 'unseen' }, 'Search'),
      h('form', { class: 'search', role: 'search', onsubmit }, box),
      results.element,
    ),
    title: 'Search',
    focus: () => box.focus(),
    close() {
      clearTimeout(timer)
      results.close()
    },
  }
}

function searchResults(app: App) {
  const status = h('p', { class: 'unseen', role: 'status' })
  const body = h('div', { class: 'results' }, hint())
  let shown = ''
  let closePosts = () => {}

  async function show(text: string): Promise<void> {
    if (text === shown) return
    shown = text
    closePosts()
    closePosts = () => {}
    if (text === '') {
      body.replaceChildren(hint())
      status.textContent = ''
      return
    }
    body.setAttribute('aria-busy', 'true')
    try {
      const found = await lookUp(app, text)
      // What was asked meanwhile answers for itself.
      if (shown !== text) return
      const posts = postGrid(app, {
        path: `/v1/search/posts?${new URLSearchParams({ q: text })}`,
        empty: `No posts for “${text}”.`,
      })
      closePosts = posts.close
      body.replaceChildren(...foundSections(found), section('Posts', posts.element))
      status.textContent = `${counted(found.people.length, 'person', 'people')}, ${counted(found.tags.length, 'hashtag')}`
    } catch (error) {
      if (shown !== text) return
      shown = ''
      const again = h('button', { class: 'button', type: 'button', onclick: () => void show(text) }, 'Try again')
      body.replaceChildren(h('div', { class: 'failure', role: 'alert' }, h('p', {}, sentenceOf(error)), again))
    }
    body.setAttribute('aria-busy', 'false')
  }
  return {
    element: h('div', {}, status, body),
    show: (text: string) => void show(text),
    close() {
      shown = ''
      closePosts()
    },
  }
}

/** People are not looked for by a hashtag, nor hashtags by a user name. */
async function lookUp(app: App, text: string): Promise<Found> {
  const ask = async <T>(kind: 'users' | 'hashtags', q: string, limit: number): Promise<T[]> => {
    if (q === '') return []
    const query = new URLSearchParams({ q, limit: String(limit) })
    return (await app.api.call<Page<T>>(`/v1/search/${kind}?${query}`)).items
  }
  const isTag = /^[#＃]/u.test(text)
  const [people, tags] = await Promise.all([
    ask<Person>('users', isTag ? '' : text.replace(/^@+/, ''), MOST_PEOPLE),
    ask<Found['tags'][number]>('hashtags', text.startsWith('@') ? '' : text.replace(/^[#＃]+/u, ''), MOST_TAGS),
  ])
  return { people, tags }
}

function foundSections({ people, tags }: Found): HTMLElement[] {
  const sections: HTMLElement[] = []
  if (people.length > 0)
    sections.push(section('People', h('ul', { class: 'person-lines' }, ...people.map((person) => personLine(person)))))
  if (tags.length > 0) sections.push(section('Hashtags', h('ul', { class: 'chips' }, ...tags.map(chip))))
  return sections
}

const chip = ({ tag, posts }: Found['tags'][number]): HTMLElement =>
  h(
    'li',
    {},
    h(
      'a',
      { class: 'chip', href: `/tag/${encodeURIComponent(tag)}` },
      `#${tag} `,
      h('span', { class: 'meta' }, counted(posts, 'post')),
    ),
  )

const section = (title: string, ...children: Child[]): HTMLElement =>
  h('section', { 'aria-label': title }, h('h2', {}, title), ...children)

const hint = (): HTMLElement =>
  h('p', { class: 'over' }, 'Look for people by name, for #hashtags, or for what a photo shows.')
