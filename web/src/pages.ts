/** Endless lists: reads the next page when the end comes near. */
import type { Page } from './api.ts'
import { h } from './dom.ts'
import { ApiError, sentenceOf } from './http.ts'

/** Reading begins this far before the end is on the screen. */
const AHEAD = '1400px'

export interface Pages {
  /** Goes below the list: the observed end, and what went wrong. */
  foot: HTMLElement
  close(): void
}

/**
 * @param read one page; @param add its items to the list; @param finish is told once all is read, and whether there was anything
 */
export function readOn<T>(
  read: (cursor: string | null) => Promise<Page<T>>,
  add: (items: T[], isFirst: boolean) => void,
  finish: (isEmpty: boolean) => void,
): Pages {
  let cursor: string | null = null
  let any = false
  let state: 'idle' | 'reading' | 'failed' | 'done' = 'idle'
  let isNear = false
  const message = h('p', {})
  const again = h('button', { class: 'button', type: 'button', onclick: () => void more() }, 'Try again')
  const failure = h('div', { class: 'failure', role: 'alert', hidden: true }, message, again)
  const end = h('div', { class: 'end' })
  const foot = h('div', { class: 'foot' }, failure, end)
  const observer = new IntersectionObserver(
    ([entry]) => {
      isNear = entry?.isIntersecting ?? false
      if (state === 'idle') void more()
    },
    { rootMargin: AHEAD },
  )

  async function more(): Promise<void> {
    if (state === 'reading' || state === 'done' || (!isNear && any)) return
    state = 'reading'
    failure.hidden = true
    try {
      const page = await read(cursor)
      const isFirst = !any && cursor === null
      any ||= page.items.length > 0
      add(page.items, isFirst)
      cursor = page.cursor
      state = cursor === null ? 'done' : 'idle'
      if (state === 'done') finish(!any)
    } catch (error) {
      state = 'failed'
      message.textContent = sentenceOf(error)
      // What is not there, or not for this person, is so the next time, too.
      again.hidden = error instanceof ApiError && (error.status === 403 || error.status === 404)
      failure.hidden = false
    }
    if (state !== 'idle') return
    // The new items may not have moved the end out of sight: look again.
    observer.unobserve(end)
    observer.observe(end)
  }
  observer.observe(end)
  return { foot, close: () => observer.disconnect() }
}
