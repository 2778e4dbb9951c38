/** What every view is given. */
import type { Post } from './api.ts'
import type { Engagement } from './engagement.ts'
import type { Follows } from './follow.ts'
import type { Api } from './http.ts'
import type { News } from './news.ts'
import type { SessionStore } from './session.ts'

export interface App {
  api: Api
  session: SessionStore
  follows: Follows
  engagement: Engagement
  news: News
  toast(text: string, kind?: 'error' | 'done'): void
  /** Shows another address of the page without loading it anew. */
  go(path: string): void
  /** Back to where the person came from; home, when that is outside. */
  back(): void
  openComments(post: Post): void
  openCompose(): void
}

/** A screen. One that is left is paused, and resumed if the person comes back to it. */
export interface View {
  element: HTMLElement
  title: string
  pause?(): void
  resume?(): void
  /** Where the focus goes when the person comes; else to the top. */
  focus?(): void
  close(): void
}
