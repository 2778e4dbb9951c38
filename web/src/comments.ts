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
  const replies = h('ol', { class: 'replies' })
  const isTop = comment.parentId === null
  const read = once(async () => {
    const page = await app.api.call<Page<Comment>>(commentsPath(post.id, { parentId: comment.id }))
    const known = new Set([...replies.children].map((item) => (item as HTMLElement).dataset.comment))
    const others = page.items.filter((reply) => !known.has(reply.id))
    replies.prepend(...others.map((reply) => commentItem(app, post, reply, answer)))
  })
  const showReplies = () => {
    answer({ comment, replies })
    read().catch((error: unknown) => app.toast(sentenceOf(error)))
  }
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
      isTop ? h('button', { class: 'plain', type: 'button', onclick: showReplies }, 'Replies') : null,
      isTop ? replies : null,
    ),
  )
}

/** Does something once, however often it is asked for; again only after a failure. */
function once(act: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null
  return () => {
    done ??= act().catch((error: unknown) => {
      done = null
      throw error
    })
    return done
  }
}
