/** Deleting a post of one's own, after a question. */
import type { Post } from './api.ts'
import type { App } from './app.ts'
import { openDialog } from './dialog.ts'
import { h, icon } from './dom.ts'
import { ApiError, sentenceOf } from './http.ts'

export function deleteButton(app: App, post: Post): HTMLButtonElement {
  return h(
    'button',
    {
      class: 'quiet',
      type: 'button',
      'aria-label': 'Delete this post',
      title: 'Delete this post',
      'aria-haspopup': 'dialog',
      onclick: () => askToDelete(app, post),
    },
    icon('bin'),
  )
}

function askToDelete(app: App, post: Post): void {
  let isBusy = false
  const problem = h('p', { class: 'problem', role: 'alert', hidden: true })
  const remove = h('button', { class: 'button danger', type: 'button', onclick: () => void erase() }, 'Delete')
  const keep = h('button', { class: 'button subtle', type: 'button', onclick: () => isBusy || dialog.close() }, 'Keep')
  async function erase(): Promise<void> {
    if (isBusy) return
    isBusy = true
    remove.disabled = true
    problem.hidden = true
    try {
      await app.api.call(`/v1/posts/${post.id}`, { method: 'DELETE' }).catch((error: unknown) => {
        // Deleted meanwhile in another tab: that is what was asked for.
        if (!(error instanceof ApiError && error.status === 404)) throw error
      })
      dialog.close()
      app.news.tell('deleted', post.id)
      app.toast('Deleted.', 'done')
    } catch (error) {
      problem.textContent = sentenceOf(error)
      problem.hidden = false
    } finally {
      isBusy = false
      remove.disabled = false
    }
  }
  const dialog = openDialog(
    { title: 'Delete this post?', kind: 'sheet', mayClose: () => !isBusy },
    h(
      'div',
      { class: 'ask' },
      h('p', {}, 'It goes from every feed, with its likes and comments. This cannot be undone.'),
      problem,
      h('div', { class: 'row end-row' }, keep, remove),
    ),
  )
}
