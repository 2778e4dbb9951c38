/** A post's comments: read, answered, written; in a drawer, or in the post's own view. */
import type { Comment, Id, Page, Post } from './api.ts'
import type { App } from './app.ts'
import { type AnswerTo, commentWriter } from './comment-writer.ts'
import { openDialog } from './dialog.ts'
import { h } from './dom.ts'
import { sentenceOf } from './http.ts'
import { readOn } from './pages.ts'
import { avatar, nameOf, profilePath } from './person.ts'
import { ago } from './words.ts'

const PAGE = 30

export function openComments(app: App, post: Post): void {
  const thread = commentThread(app, post)
  const { element } = openDialog(
    { title: 'Comments', kind: 'drawer' },
    h('div', { class: 'scroll', tabindex: -1 }, thread.list),
    thread.form,
  )
  element.addEventListener('close', thread.close)
  element.addEventListener('click', (event) => {
    if (event.target instanceof Element && event.target.closest('a') !== null) element.close()
  })
}

export interface CommentThread {
  list: HTMLElement
  form: HTMLElement
  close(): void
}

export function commentThread(app: App, post: Post): CommentThread {
  const list = h('ol', { class: 'comments', 'aria-label': 'Comments' })
  const shown = new Set<Id>()
  const items = (comments: readonly Comment[]) =>
    comments
      .filter((comment) => !shown.has(comment.id))
      .map((comment) => {
        shown.add(comment.id)
        return commentItem(app, post, comment, writer.answer)
      })
  const nothing = h('li', { class: 'hint' }, 'No comments yet. Be the first.')
  const writer = commentWriter(app, post, (comment, parent) => {
    app.engagement.commented(post)
    const [item] = parent === null ? items([comment]) : [commentItem(app, post, comment, writer.answer)]
    if (item === undefined) return
    if (parent === null) list.prepend(item)
    else parent.append(item)
    nothing.remove()
    item.scrollIntoView({ block: 'nearest' })
  })
  const pages = readOn<Comment>(
    (cursor) => app.api.call<Page<Comment>>(commentsPath(post.id, { cursor })),
    (comments) => list.append(...items(comments)),
    () => list.childElementCount === 0 && list.append(nothing),
  )
  return { list: h('div', {}, list, pages.foot), form: writer.form, close: pages.close }
}

function commentsPath(post: Id, { cursor, parentId }: { cursor?: string | null; parentId?: Id }): string {
  const query = new URLSearchParams({ limit: String(PAGE) })
  if (cursor) query.set('cursor', cursor)
  if (parentId !== undefined) query.set('parentId', parentId)
  return `/v1/posts/${post}/comments?${query}`
}

function commentItem(app: App, post: Post, comment: Comment, answer: AnswerTo): HTMLElement {
  const thread = comment.parentId === null ? replyThread(app, post, comment, answer) : null
  return h(
    'li',
    { class: 'comment', 'data-comment': comment.id },
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
      thread?.reply,
      thread?.list,
      thread?.more,
    ),
  )
}

/** What stands below a comment: a way to answer it, and its replies, a page at a time, once somebody asks for them. */
function replyThread(app: App, post: Post, comment: Comment, answer: AnswerTo) {
  const list = h('ol', { class: 'replies', 'aria-label': 'Replies' })
  const reply = h(
    'button',
    { class: 'plain', type: 'button', onclick: () => answer({ comment, replies: list }) },
    'Reply',
  )
  const more = h('button', { class: 'plain', type: 'button', onclick: () => void read() }, 'Show replies')
  more.hidden = comment.hasReplies !== true
  let cursor: string | null = null
  /** The last of those that were read: one's own new answers stand below it. */
  let last: Element | null = null
  /** A page without any may have a cursor: what stands there is deleted. */
  async function readReplies(from: string | null): Promise<Page<Comment>> {
    for (let at = from; ; ) {
      const path = commentsPath(post.id, { parentId: comment.id, cursor: at })
      const page = await app.api.call<Page<Comment>>(path)
      if (page.items.length > 0 || page.cursor === null) return page
      at = page.cursor
    }
  }
  async function read(): Promise<void> {
    if (more.disabled) return
    more.disabled = true
    try {
      const page = await readReplies(cursor)
      const known = new Set([...list.children].map((item) => (item as HTMLElement).dataset.comment))
      const items = page.items.filter(({ id }) => !known.has(id)).map((item) => commentItem(app, post, item, answer))
      if (last === null) list.prepend(...items)
      else last.after(...items)
      last = items.at(-1) ?? last
      cursor = page.cursor
      more.textContent = 'More replies'
      more.hidden = cursor === null
      items[0]?.querySelector('a')?.focus({ preventScroll: true })
    } catch (error) {
      app.toast(sentenceOf(error))
    } finally {
      more.disabled = false
    }
  }
  return { list, more, reply: comment.deleted ? null : reply }
}
