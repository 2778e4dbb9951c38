/** Likes and comments as far as this tab has changed them: a card, a post's own view and a kept feed say the same. */
import type { Id, Post } from './api.ts'
import { h, icon } from './dom.ts'
import { type Api, sentenceOf } from './http.ts'
import { createToggle, type Toggle } from './optimistic.ts'
import { compact, counted } from './words.ts'

export interface LikeButton {
  button: HTMLButtonElement
  on(): boolean
  flip(): void
}

export interface Engagement {
  likeButton(post: Post): LikeButton
  /** A button that shows how many comments there are. */
  commentsButton(post: Post, open: () => void): HTMLButtonElement
  /** A comment was written here. */
  commented(post: Post): void
  /** Paints the buttons below an element that was out of the document meanwhile. */
  repaint(root: ParentNode): void
  forget(): void
}

type Counted = Pick<Post, 'id' | 'likeCount' | 'liked' | 'commentCount'>

function paintCount(button: Element, count: number, label: string, one: string): void {
  button.setAttribute('aria-label', `${label}, ${counted(count, one)}`)
  button.lastElementChild?.replaceChildren(compact(count))
}

function paintLikes(button: Element, count: number, isLiked: boolean): void {
  button.setAttribute('aria-pressed', String(isLiked))
  paintCount(button, count, 'Like', 'like')
}

function likeToggles(api: Api, changed: (id: Id, error?: unknown) => void) {
  const toggles = new Map<Id, Toggle>()
  return {
    isOn: (post: Counted) => toggles.get(post.id)?.on() ?? post.liked,
    of(post: Counted): Toggle {
      const known = toggles.get(post.id)
      if (known !== undefined) return known
      const toggle = createToggle(
        post.liked,
        (liked) => api.call(`/v1/posts/${post.id}/like`, { method: liked ? 'POST' : 'DELETE' }),
        (_, error) => changed(post.id, error),
      )
      toggles.set(post.id, toggle)
      return toggle
    },
    forget: () => toggles.clear(),
  }
}

/** Posts changed here are as many as a person can click on: they are forgotten with the session. */
export function createEngagement(api: Api, toast: (text: string) => void): Engagement {
  const comments = new Map<Id, number>()
  /** What the server said last, by button. */
  const posts = new WeakMap<Element, Counted>()

  const likes = likeToggles(api, (id, error) => {
    repaint(document, id)
    if (error !== undefined) toast(sentenceOf(error))
  })
  const likeCount = (post: Counted) => post.likeCount - (post.liked ? 1 : 0) + (likes.isOn(post) ? 1 : 0)
  const paint = (button: Element) => {
    const post = posts.get(button)
    if (post === undefined) return
    if (button.classList.contains('like')) paintLikes(button, likeCount(post), likes.isOn(post))
    // Nothing here takes a comment away, so the higher number is the newer.
    else paintCount(button, Math.max(post.commentCount, comments.get(post.id) ?? 0), 'Comments', 'comment')
  }
  const repaint = (root: ParentNode, id?: Id) => {
    const which = id === undefined ? '[data-counts]' : `[data-counts="${CSS.escape(id)}"]`
    for (const button of root.querySelectorAll(which)) paint(button)
  }
  const countButton = (post: Counted, attributes: Parameters<typeof h>[1], shape: 'heart' | 'comment') => {
    const all = { type: 'button', 'data-counts': post.id, ...attributes }
    const button = h('button', all, icon(shape), h('span', { class: 'count' }))
    posts.set(button, post)
    paint(button)
    return button
  }

  return {
    likeButton(post) {
      const flip = () => void likes.of(post).flip()
      const button = countButton(post, { class: 'action like', onclick: flip }, 'heart')
      return { button, on: () => likes.isOn(post), flip }
    },
    commentsButton: (post, open) =>
      countButton(post, { class: 'action', 'aria-haspopup': 'dialog', onclick: open }, 'comment'),
    commented(post) {
      comments.set(post.id, Math.max(post.commentCount, comments.get(post.id) ?? 0) + 1)
      repaint(document, post.id)
    },
    repaint: (root) => repaint(root),
    forget() {
      likes.forget()
      comments.clear()
    },
  }
}
