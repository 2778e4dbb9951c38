/** What happened in this tab, told to the views that show it, on the screen or kept for the way back. */
import type { FeedItem, Id } from './api.ts'

export interface Happenings {
  posted: FeedItem
  deleted: Id
  /** Somebody: told when it is asked for, not when it is done. */
  followed: Id
}

export interface News {
  tell<K extends keyof Happenings>(kind: K, what: Happenings[K]): void
  /** @returns what ends the listening */
  on<K extends keyof Happenings>(kind: K, listener: (what: Happenings[K]) => void): () => void
}

export function createNews(): News {
  const listeners: { [K in keyof Happenings]: Set<(what: Happenings[K]) => void> } = {
    posted: new Set(),
    deleted: new Set(),
    followed: new Set(),
  }
  return {
    tell(kind, what) {
      for (const listener of listeners[kind]) listener(what)
    },
    on(kind, listener) {
      listeners[kind].add(listener)
      return () => listeners[kind].delete(listener)
    },
  }
}
