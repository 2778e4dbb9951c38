/** The drawer of a post's comments: read, answer, write. */
import type { Accepted, Comment, Id, Page, Post } from './api.ts'
import type { App } from './app.ts'
import { openDialog } from './dialog.ts'
import { h } from './dom.ts'
import { sentenceOf } from './http.ts'
import { readOn } from './pages.ts'
import { avatar, nameOf, profilePath } from './person.ts'
import { ago } from './words.ts'

const PAGE = 30
const LONGEST = 2_200

export function openComments(app: App, post: Post, onCount: (by: number) => void): void {
  const list = h('ol', { class: 'comments' })
  const write = writer(app, post, (comment, parent) => {
    onCount(1)
    const item = commentItem(app, post, comment, write.answer)
    if (parent === null) list.prepend(item)
    else parent.append(item)
    nothing.remove()
    item.scrollIntoView({ block: 'nearest' })
  })
  const nothing = h('li', { class: 'hint' }, 'No comments yet. Be the first.')
  const pages = readOn<Comment>(
    (cursor) => app.api.call<Page<Comment>>(commentsPath(post.id, { cursor })),
    (items) => list.append(...items.map((comment) => commentItem(app, post, comment, write.answer))),
    (isEmpty) => isEmpty && list.append(nothing),
  )
  const { element } = openDialog(
    { title: 'Comments', kind: 'drawer' },
    h('div', { class: 'scroll', tabindex: -1 }, list, pages.foot),
    write.form,
  )
  element.addEventListener('close', pages.close)
  element.addEventListener('click', (event) => {
    if (event.target instanceof Element && event.target.closest('a') !== null) element.close()
  })
}

function commentsPath(post: Id, { cursor, parentId }: { cursor?: string | null; parentId?: Id }): string {
  const query = new URLSearchParams({ limit: String(PAGE) })
  if (cursor) query.set('cursor', cursor)
  if (parentId !== undefined) query.set('parentId', parentId)
  return `/v1/posts/${post}/comments?${query}`
}

type Answer = (comment: Comment, replies: HTMLElement) => void

function commentItem(app: App, post: Post, comment: Comment, answer: Answer): HTMLElement {
  const replies = h('ol', { class: 'replies' })
  const isTop = comment.parentId === null
  const showReplies = async () => {
    answer(comment, replies)
    if (replies.childElementCount > 0) return
    try {
      const page = await app.api.call<Page<Comment>>(commentsPath(post.id, { parentId: comment.id }))
      replies.prepend(...page.items.map((reply) => commentItem(app, post, reply, answer)))
    } catch (error) {
      app.toast(sentenceOf(error))
    }
  }
  return h(
    'li',
    { class: 'comment' },
    avatar(comment.author),
    h(
      'div',
      { class: 'comment-body' },
      h(
        'p',
        { class: 'meta' },
        h('a', { class: 'name', href: profilePath(comment.author.username) }, nameOf(comment.author)),
        ' ',
        h('time', { datetime: comment.createdAt }, ago(comment.createdAt, Date.now())),
      ),
      comment.deleted ? h('p', { class: 'hint' }, 'This comment was deleted.') : h('p', {}, comment.body),
      isTop ? h('button', { class: 'plain', type: 'button', onclick: () => void showReplies() }, 'Replies') : null,
      isTop ? replies : null,
    ),
  )
}

function writer(app: App, post: Post, added: (comment: Comment, parent: HTMLElement | null) => void) {
  let parent: { comment: Comment; replies: HTMLElement } | null = null
  const text = h('textarea', {
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
      form.requestSubmit()
    },
  })
  const send = h('button', { class: 'button', type: 'submit' }, 'Send')
  const target = h('p', { class: 'target', hidden: true })
  const answerTo = (to: typeof parent) => {
    parent = to
    target.hidden = to === null
    target.replaceChildren(
      ...(to === null
        ? []
        : [
            `Replying to ${nameOf(to.comment.author)} `,
            h('button', { class: 'plain', type: 'button', onclick: () => answerTo(null) }, 'Cancel'),
          ]),
    )
  }
  const form = h(
    'form',
    {
      class: 'writer',
      onsubmit: (event) => {
        event.preventDefault()
        void submit()
      },
    },
    target,
    h('div', { class: 'row' }, text, send),
  )
  async function submit(): Promise<void> {
    const body = text.value.trim()
    if (body === '' || send.disabled) return
    send.disabled = true
    try {
      const input = { method: 'POST', body: { body, parentId: parent?.comment.id ?? null } } as const
      const answer = await app.api.call<Comment | Accepted>(`/v1/posts/${post.id}/comments`, input)
      if ('status' in answer) app.toast('Your comment will show in a moment.', 'done')
      else added(answer, parent?.replies ?? null)
      text.value = ''
      answerTo(null)
    } catch (error) {
      app.toast(sentenceOf(error))
    } finally {
      send.disabled = false
      text.focus()
    }
  }
  const answer: Answer = (comment, replies) => {
    answerTo({ comment, replies })
    text.focus()
  }
  return { form, answer }
}
