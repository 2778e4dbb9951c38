/** What every view is given. */
import type { FeedItem, Post } from './api.ts'
import type { Follows } from './follow.ts'
import type { Api } from './http.ts'
import type { SessionStore } from './session.ts'

export interface App {
  api: Api
  session: SessionStore
  follows: Follows
  toast(text: string, kind?: 'error' | 'done'): void
  /** Shows another address of the page without loading it anew. */
  go(path: string): void
  openComments(post: Post, onCount: (by: number) => void): void
  openCompose(): void
  /** Told of posts made here. */
  onPosted(listener: (item: FeedItem) => void): () => void
}

/** A screen. One that is left is paused, and resumed if the person comes back to it. */
export interface View {
  element: HTMLElement
  title: string
  pause?(): void
  resume?(): void
  close(): void
}
