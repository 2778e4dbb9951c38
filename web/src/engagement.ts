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
  likeCount(post: Post): number
  /** Paints the buttons below an element that was out of the document meanwhile. */
  repaint(root: ParentNode): void
  forget(): void
}

type Counted = Pick<Post, 'id' | 'likeCount' | 'liked' | 'commentCount'>

/** Posts changed here are as many as a person can click on: they are forgotten with the session. */
export function createEngagement(api: Api, toast: (text: string) => void): Engagement {
  const likes = new Map<Id, Toggle>()
  const comments = new Map<Id, number>()
  /** What the server said last, by button. */
  const posts = new WeakMap<Element, Counted>()

  const isLiked = (post: Counted) => likes.get(post.id)?.on() ?? post.liked
  const likeCount = (post: Counted) => post.likeCount - (post.liked ? 1 : 0) + (isLiked(post) ? 1 : 0)
  const paint = (button: Element) => {
    const post = posts.get(button)
    if (post === undefined) return
    const isLike = button.classList.contains('like')
    // Nothing here takes a comment away, so the higher number is the newer.
    const count = isLike ? likeCount(post) : Math.max(post.commentCount, comments.get(post.id) ?? 0)
    const label = isLike ? `Like, ${counted(count, 'like')}` : `Comments, ${counted(count, 'comment')}`
    if (isLike) button.setAttribute('aria-pressed', String(isLiked(post)))
    button.setAttribute('aria-label', label)
    button.lastElementChild?.replaceChildren(compact(count))
  }
  const repaint = (root: ParentNode, id?: Id) => {
    const which = id === undefined ? '[data-counts]' : `[data-counts="${CSS.escape(id)}"]`
    for (const button of root.querySelectorAll(which)) paint(button)
  }
  const toggleOf = (post: Counted): Toggle => {
    const known = likes.get(post.id)
    if (known !== undefined) return known
    const toggle = createToggle(
      post.liked,
      (liked) => api.call(`/v1/posts/${post.id}/like`, { method: liked ? 'POST' : 'DELETE' }),
      (_, error) => {
        repaint(document, post.id)
        if (error !== undefined) toast(sentenceOf(error))
      },
    )
    likes.set(post.id, toggle)
    return toggle
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
      const flip = () => void toggleOf(post).flip()
      const button = countButton(post, { class: 'action like', onclick: flip }, 'heart')
      return { button, on: () => isLiked(post), flip }
    },
    commentsButton: (post, open) =>
      countButton(post, { class: 'action', 'aria-haspopup': 'dialog', onclick: open }, 'comment'),
    commented(post) {
      comments.set(post.id, Math.max(post.commentCount, comments.get(post.id) ?? 0) + 1)
      repaint(document, post.id)
    },
    likeCount,
    repaint: (root) => repaint(root),
    forget() {
      likes.clear()
      comments.clear()
    },
  }
}
