/** Who asks to follow a private account, to be accepted or declined. */
import type { Page, Person } from './api.ts'
import type { App } from './app.ts'
import { h } from './dom.ts'
import { ApiError, sentenceOf } from './http.ts'
import { readOn } from './pages.ts'
import { personLine } from './people-list.ts'
import { nameOf } from './person.ts'

const PATH = '/v1/me/follow-requests'

/** Hidden as long as nobody asks. */
export function followRequests(app: App): { element: HTMLElement; close(): void } {
  const title = h('h2', { id: 'requests-title', tabindex: -1 }, 'Follow requests')
  const list = h('ul', { class: 'requests' })
  const pages = readOn<Person>(
    (cursor) => app.api.call<Page<Person>>(cursor === null ? PATH : `${PATH}?${new URLSearchParams({ cursor })}`),
    (people) => {
      list.append(...people.map((person) => requestLine(app, person, answered)))
      element.hidden = list.childElementCount === 0
    },
    () => {},
  )
  const element = h('section', { class: 'follow-requests', 'aria-labelledby': title.id }, title, list)
  element.hidden = true
  /** The focus stays in the list: the button that had it is gone. */
  const answered = (line: HTMLElement) => {
    const next = line.nextElementSibling ?? line.previousElementSibling
    line.remove()
    element.hidden = list.childElementCount === 0
    const button = next?.querySelector('button') ?? null
    if (button !== null) button.focus()
    else document.querySelector<HTMLElement>('#main')?.focus()
  }
  return { element: h('div', {}, element, pages.foot), close: pages.close }
}

function requestLine(app: App, person: Person, answered: (line: HTMLElement) => void): HTMLElement {
  const answer = async (method: 'PUT' | 'DELETE') => {
    if (buttons.some((button) => button.disabled)) return
    for (const button of buttons) button.disabled = true
    try {
      await app.api.call(`${PATH}/${person.id}`, { method }).catch((error: unknown) => {
        // Taken back by who asked, or answered in another tab: nothing is left to be answered.
        if (!(error instanceof ApiError && error.status === 404)) throw error
      })
      answered(line)
      app.toast(method === 'PUT' ? `${nameOf(person)} follows you now.` : 'Declined.', 'done')
    } catch (error) {
      app.toast(sentenceOf(error))
      for (const button of buttons) button.disabled = false
    }
  }
  const button = (label: string, kind: string, method: 'PUT' | 'DELETE') =>
    h(
      'button',
      {
        class: `button ${kind}`,
        type: 'button',
        'aria-label': `${label} ${nameOf(person)}`,
        onclick: () => void answer(method),
      },
      label,
    )
  const buttons = [button('Accept', '', 'PUT'), button('Decline', 'subtle', 'DELETE')]
  const line = personLine(person, ...buttons)
  return line
}
