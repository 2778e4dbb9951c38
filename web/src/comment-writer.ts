/** The line below the comments in which one is written. */
import type { Accepted, Comment, Post } from './api.ts'
import type { App } from './app.ts'
import { createAttempts } from './attempt.ts'
import { h } from './dom.ts'
import { sentenceOf } from './http.ts'
import { nameOf } from './person.ts'

const LONGEST = 2_200

/** The comment that is answered, and where its replies stand. */
export interface Answered {
  comment: Comment
  replies: HTMLElement
}
export type AnswerTo = (to: Answered) => void

/** @param added told what was written, and the list it belongs to when it is an answer */
export function commentWriter(
  app: App,
  post: Post,
  added: (comment: Comment, replies: HTMLElement | null) => void,
): { form: HTMLElement; answer: AnswerTo } {
  const keyOf = createAttempts()
  const text = textBox()
  const send = h('button', { class: 'button', type: 'submit' }, 'Send')
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  const target = answerTarget(() => text.focus())
  async function submit(): Promise<void> {
    const body = text.value.trim()
    if (body === '' || send.disabled) return
    send.disabled = true
    problem.hidden = true
    const to = target.current()
    const input = { body, parentId: to?.comment.id ?? null }
    try {
      const call = { method: 'POST', body: input, idempotencyKey: keyOf(input) } as const
      const answer = await app.api.call<Comment | Accepted>(`/v1/posts/${post.id}/comments`, call)
      keyOf(null)
      text.value = ''
      target.set(null)
      if ('status' in answer) app.toast('Your comment will show in a moment.', 'done')
      else added(answer, to?.replies ?? null)
    } catch (error) {
      problem.textContent = sentenceOf(error)
      problem.hidden = false
    } finally {
      send.disabled = false
      text.focus()
    }
  }
  const onsubmit = (event: Event) => {
    event.preventDefault()
    void submit()
  }
  const line = h('div', { class: 'row' }, text, send)
  return { form: h('form', { class: 'writer', onsubmit }, target.element, problem, line), answer: target.set }
}

/** Enter sends, with Shift it begins a new line. */
function textBox(): HTMLTextAreaElement {
  return h('textarea', {
    name: 'body',
    rows: 1,
    maxlength: LONGEST,
    required: true,
    placeholder: 'Add a comment …',
    'aria-label': 'Comment',
    onkeydown: (event) => {
      const key = event as KeyboardEvent
      if (key.key !== 'Enter' || key.shiftKey || key.isComposing) return
      event.preventDefault()
      ;(event.target as HTMLTextAreaElement).form?.requestSubmit()
    },
  })
}

/** "Replying to …", with a way out. */
function answerTarget(changed: () => void) {
  let current: Answered | null = null
  const element = h('p', { class: 'target', hidden: true })
  const set = (to: Answered | null) => {
    current = to
    element.hidden = to === null
    const cancel = h('button', { class: 'plain', type: 'button', onclick: () => set(null) }, 'Cancel')
    element.replaceChildren(...(to === null ? [] : [`Replying to ${nameOf(to.comment.author)} `, cancel]))
    changed()
  }
  return { element, set, current: () => current }
}
