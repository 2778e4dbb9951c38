/** A board: its name and its posts, which its owner may take off it. */
import type { Board, Id, Page, Post } from './api.ts'
import type { App, View } from './app.ts'
import { h, icon } from './dom.ts'
import { postGrid } from './grid.ts'
import { sentenceOf } from './http.ts'
import { counted } from './words.ts'

export function boardView(app: App, id: Id): View {
  const title = h('h1', { class: 'tag-title' })
  let board: Board | null = null
  const paint = ({ name, isPrivate, postCount }: Board) => {
    const about = `${isPrivate ? 'private · ' : ''}${counted(postCount, 'post')}`
    title.replaceChildren(`${name} `, h('span', { class: 'meta' }, about))
  }
  const isOwn = () => board?.userId === app.session.current()?.userId
  const removed = (tile: HTMLElement) => {
    grid.remove(tile)
    if (board === null) return
    board = { ...board, postCount: Math.max(0, board.postCount - 1) }
    paint(board)
  }
  const grid = postGrid<Page<Post> & Board>(app, {
    path: `/v1/boards/${encodeURIComponent(id)}`,
    empty: 'Nothing on this board yet.',
    onPage(page) {
      board = page
      paint(board)
      document.title = `${board.name} · Tideline`
    },
    tool: (post, tile) =>
      isOwn() ? removeButton(app, `/v1/boards/${id}/posts/${post.id}`, () => removed(tile)) : null,
  })
  return { element: h('div', { class: 'profile-view' }, title, grid.element), title: 'Board', close: grid.close }
}

function removeButton(app: App, path: string, removed: () => void): HTMLElement {
  const remove = async () => {
    button.disabled = true
    try {
      await app.api.call(path, { method: 'DELETE' })
      removed()
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
