/** Feeds that stay as they are while somebody looks at something else: the way back leads to the same place. */
import type { App, View } from './app.ts'
import { type FeedMode, feedView } from './feed-view.ts'

const FEEDS: Record<string, FeedMode> = { '/': 'ranked', '/following': 'following' }

/** So long after a follow, what was posted before it may still be on its way into the feed. */
const FOLLOW_SETTLES_MS = 30_000

/** The addresses of private pictures hold for an hour at least (docs/guides/use.md). */
const KEPT_FOR_MS = 3_600_000

export const isFeed = (path: string): boolean => FEEDS[path] !== undefined

interface Kept {
  view: View
  scroll: number
  focus: Element | null
  /** Milliseconds since the epoch. */
  openedAt: number
}

export interface KeptFeeds {
  /** The feed at an address, and where it was left if it was there before; null when the address names none. */
  open(path: string): { view: View; left: Pick<Kept, 'scroll' | 'focus'> | null } | null
  /** Notes where the person was; false when the address names no feed. */
  leave(path: string): boolean
  forget(): void
}

/**
 * Whether a feed is to be read anew: its pictures may have expired, or it may know nothing of people followed since it was
 * opened. Instants in milliseconds since the epoch.
 */
export function isStale(path: string, openedAt: number, { followedAt, now }: { followedAt: number; now: number }) {
  if (now - openedAt > KEPT_FOR_MS) return true
  return path === '/following' && openedAt < followedAt + FOLLOW_SETTLES_MS
}

export function keepFeeds(app: App): KeptFeeds {
  const feeds = new Map<string, Kept>()
  let followedAt = Number.NEGATIVE_INFINITY
  app.news.on('followed', () => {
    followedAt = Date.now()
  })
  function discard(path: string): void {
    feeds.get(path)?.view.close()
    feeds.delete(path)
  }
  return {
    open(path) {
      const mode = FEEDS[path]
      if (mode === undefined) return null
      const kept = feeds.get(path)
      if (kept !== undefined && !isStale(path, kept.openedAt, { followedAt, now: Date.now() }))
        return { view: kept.view, left: kept }
      discard(path)
      const view = feedView(app, mode)
      feeds.set(path, { view, scroll: 0, focus: null, openedAt: Date.now() })
      return { view, left: null }
    },
    leave(path) {
      const kept = feeds.get(path)
      if (kept === undefined) return false
      Object.assign(kept, { scroll: window.scrollY, focus: document.activeElement })
      kept.view.pause?.()
      return true
    },
    forget() {
      for (const path of [...feeds.keys()]) discard(path)
    },
  }
}
