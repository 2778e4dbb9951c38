/** A board: its name and its posts, which its owner may take off it. */
import type { Board, Id, Page, Post } from './api.ts'
import type { App, View } from './app.ts'
import { h, icon } from './dom.ts'
import { postGrid } from './grid.ts'
import { sentenceOf } from './http.ts'
import { counted } from './words.ts'

export function boardView(app: App, id: Id): View {
  const title = h('h1', { class: 'tag-title' })
  let isOwn = false
  const grid = postGrid<Page<Post> & Board>(app, {
    path: `/v1/boards/${encodeURIComponent(id)}`,
    empty: 'Nothing on this board yet.',
    onPage(board) {
      isOwn = board.userId === app.session.current()?.userId
      const about = `${board.isPrivate ? 'private · ' : ''}${counted(board.postCount, 'post')}`
      title.replaceChildren(`${board.name} `, h('span', { class: 'meta' }, about))
      document.title = `${board.name} · Tideline`
    },
    tool: (post, tile) => (isOwn ? removeButton(app, `/v1/boards/${id}/posts/${post.id}`, tile) : null),
  })
  return { element: h('div', { class: 'profile-view' }, title, grid.element), title: 'Board', close: grid.close }
}

function removeButton(app: App, path: string, tile: HTMLElement): HTMLElement {
  const remove = async () => {
    button.disabled = true
    try {
      await app.api.call(path, { method: 'DELETE' })
      tile.remove()
      app.toast('Taken off the board.', 'done')
    } catch (error) {
      button.disabled = false
      app.toast(sentenceOf(error))
    }
  }
  const button = h(
    'button',
    { class: 'tile-tool', type: 'button', 'aria-label': 'Take off the board', onclick: () => void remove() },
    icon('close'),
  )
  return button
}
