/** Boards, the collections of posts that people keep: those of a profile, and the dialog that saves a post. */
import type { Board, Page, Post, Profile } from './api.ts'
import type { App } from './app.ts'
import { createAttempts } from './attempt.ts'
import { openDialog } from './dialog.ts'
import { h, icon } from './dom.ts'
import { sentenceOf } from './http.ts'
import { counted } from './words.ts'

const MOST = 100
const LONGEST_NAME = 100

const boardsOf = async (app: App, userId?: string): Promise<Board[]> => {
  const query = new URLSearchParams({ limit: String(MOST), ...(userId === undefined ? {} : { userId }) })
  return (await app.api.call<Page<Board>>(`/v1/boards?${query}`)).items
}

/** A profile's boards as links; nothing as long as there are none. */
export function boardChips(app: App, person: Pick<Profile, 'id'>): HTMLElement {
  const list = h('ul', { class: 'chips' })
  const section = h('section', { class: 'boards', 'aria-label': 'Boards', hidden: true }, list)
  boardsOf(app, person.id).then(
    (boards) => {
      list.append(...boards.map(chip))
      section.hidden = boards.length === 0
    },
    // A profile without them is still a profile.
    () => {},
  )
  return section
}

const chip = ({ id, name, isPrivate, postCount }: Board): HTMLElement =>
  h(
    'li',
    {},
    h(
      'a',
      { class: 'chip', href: `/b/${id}` },
      icon(isPrivate ? 'lock' : 'mark'),
      `${name} `,
      h('span', { class: 'meta' }, counted(postCount, 'post')),
    ),
  )

export function saveButton(app: App, post: Post): HTMLButtonElement {
  return h(
    'button',
    {
      class: 'quiet',
      type: 'button',
      'aria-label': 'Save to a board',
      title: 'Save to a board',
      'aria-haspopup': 'dialog',
      onclick: () => openSave(app, post),
    },
    icon('mark'),
  )
}

function openSave(app: App, post: Post): void {
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  const list = h('ul', { class: 'board-list', 'aria-busy': 'true' })
  const say = (sentence: string | null) => {
    problem.textContent = sentence
    problem.hidden = sentence === null
  }
  let isBusy = false
  /** One thing at a time, and what goes wrong is said where it was asked for. */
  async function attempt(act: () => Promise<void>): Promise<void> {
    if (isBusy) return
    isBusy = true
    say(null)
    try {
      await act()
    } catch (error) {
      say(sentenceOf(error))
    } finally {
      isBusy = false
    }
  }
  const saveTo = async (board: Board) => {
    await app.api.call(`/v1/boards/${board.id}/posts/${post.id}`, { method: 'PUT' })
    dialog.close()
    app.toast(`Saved to “${board.name}”.`, 'done')
  }
  const line = (board: Board) => boardLine(board, () => void attempt(() => saveTo(board)))
  const form = newBoardForm(app, (make) => void attempt(async () => saveTo(await make())))
  const dialog = openDialog(
    { title: 'Save to a board', kind: 'sheet' },
    h('div', { class: 'compose' }, list, problem, form),
  )
  // A new board need not wait for those that are there.
  void boardsOf(app)
    .then(
      (boards) => list.append(...boards.map(line)),
      (error: unknown) => say(sentenceOf(error)),
    )
    .then(() => list.setAttribute('aria-busy', 'false'))
}

const boardLine = ({ isPrivate, name, postCount }: Board, onclick: () => void): HTMLElement =>
  h(
    'li',
    {},
    h(
      'button',
      { class: 'board-line', type: 'button', onclick },
      icon(isPrivate ? 'lock' : 'mark'),
      h('span', { class: 'name' }, name),
      h('span', { class: 'meta' }, counted(postCount, 'post')),
    ),
  )

/** @param submit handed what makes the board; made again after a failure, it is still one board */
function newBoardForm(app: App, submit: (make: () => Promise<Board>) => void): HTMLElement {
  const keyOf = createAttempts()
  const name = h('input', { name: 'name', required: true, maxlength: LONGEST_NAME, autocomplete: 'off' })
  const isPrivate = h('input', { type: 'checkbox', name: 'isPrivate' })
  const make = () => {
    const body = { name: name.value.trim(), isPrivate: isPrivate.checked }
    return app.api.call<Board>('/v1/boards', { method: 'POST', body, idempotencyKey: keyOf(body) })
  }
  const onsubmit = (event: Event) => {
    event.preventDefault()
    submit(make)
  }
  return h(
    'form',
    { class: 'new-board', onsubmit },
    h('label', { class: 'field' }, h('span', {}, 'New board'), name),
    h('label', { class: 'check' }, isPrivate, 'Only I see it'),
    h('button', { class: 'button subtle wide', type: 'submit' }, 'Create and save'),
  )
}
