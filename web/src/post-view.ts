/** A post by itself, under an address to be passed on: its photos large, its caption, likes and comments. */
import type { Id, Post } from './api.ts'
import type { App, View } from './app.ts'
import { saveButton } from './boards.ts'
import { caption } from './caption.ts'
import { commentThread } from './comments.ts'
import { deleteButton } from './delete-post.ts'
import { h, icon } from './dom.ts'
import { gallery, likeOnTwoClicks } from './gallery.ts'
import { sentenceOf } from './http.ts'
import { openLikers } from './people-list.ts'
import { nameOf } from './person.ts'
import { LARGE_SIZES } from './picture.ts'
import { postHead, postPath } from './post-head.ts'
import { renewOnce } from './renewal.ts'

export function postView(app: App, id: Id): View {
  const element = h('div', { class: 'post-view', 'aria-busy': 'true' })
  let closeThread = () => {}
  let isClosed = false

  async function load(): Promise<void> {
    try {
      const post = await app.api.call<Post>(`/v1/posts/${encodeURIComponent(id)}`)
      if (isClosed) return
      const thread = commentThread(app, post)
      closeThread = thread.close
      element.replaceChildren(article(app, post, thread))
      document.title = `${nameOf(post.author)}: ${post.caption.slice(0, 60) || 'a photo'} · Tideline`
    } catch (error) {
      element.replaceChildren(h('p', { class: 'over', role: 'alert' }, sentenceOf(error)))
    } finally {
      element.setAttribute('aria-busy', 'false')
    }
  }
  const stopListening = app.news.on('deleted', (gone) => {
    if (gone === id && !isClosed) app.back()
  })
  void load()
  return {
    element,
    title: 'Post',
    close() {
      isClosed = true
      stopListening()
      closeThread()
    },
  }
}

function article(app: App, post: Post, thread: { list: HTMLElement; form: HTMLElement }): HTMLElement {
  const headId = `by-${post.id}`
  const isOwn = post.author.id === app.session.current()?.userId
  const like = app.engagement.likeButton(post)
  const media = largePhotos(app, post)
  if (media !== null) likeOnTwoClicks(media, like)
  const likers = h('button', { class: 'plain', type: 'button', onclick: () => openLikers(app, post) }, 'Who likes this')
  return h(
    'article',
    { class: `post ${media === null ? 'no-media' : ''}`, 'aria-labelledby': headId },
    media && h('div', { class: 'post-media' }, media),
    h(
      'div',
      { class: 'post-side' },
      postHead(
        post,
        headId,
        null,
        isOwn ? deleteButton(app, post) : null,
        saveButton(app, post),
        shareButton(app, post),
      ),
      h(
        'div',
        { class: 'post-scroll' },
        post.caption === '' ? null : h('p', { class: 'caption' }, ...caption(post.caption)),
        h('div', { class: 'actions' }, like.button, likers),
        h('h2', { class: 'unseen' }, 'Comments'),
        thread.list,
      ),
      thread.form,
    ),
  )
}

/** Uncropped, and as large as the window allows. */
function largePhotos(app: App, post: Post): HTMLElement | null {
  const [first] = post.media
  if (first === undefined) return null
  const ratio = first.width > 0 && first.height > 0 ? first.width / first.height : 1
  const media = gallery(post.media, { sizes: LARGE_SIZES, eager: true, ratio, renew: renewOnce(app.api, post.id) })
  media?.style.setProperty('--ratio', String(ratio))
  return media
}

function shareButton(app: App, post: Post): HTMLButtonElement {
  const url = new URL(postPath(post.id), location.href).href
  const share = async () => {
    try {
      await navigator.clipboard.writeText(url)
      app.toast('Link copied.', 'done')
    } catch {
      app.toast('The link could not be copied. It is in the address bar.')
      return
    }
    // A share that is not counted was still shared.
    await app.api.call(`/v1/posts/${post.id}/share`, { method: 'POST' }).catch(() => {})
  }
  return h(
    'button',
    { class: 'quiet', type: 'button', 'aria-label': 'Copy link', title: 'Copy link', onclick: () => void share() },
    icon('link'),
  )
}
