/** Looks every few seconds for posts that came since the feed was read. */
import type { FeedItem, Id, Page } from './api.ts'
import type { Api } from './http.ts'
import { compareIds } from './words.ts'

const EVERY_MS = 4_000
const LOOK_AT = 10

export interface Arrivals {
  /** Takes what has come, newest first, and starts anew from there. */
  take(): FeedItem[]
  pause(): void
  resume(): void
  close(): void
}

/** Posts above the mark that are not known yet, newest first. Pure. */
export function newerThan(items: readonly FeedItem[], mark: Id, known: ReadonlySet<Id>): FeedItem[] {
  return items
    .filter((item) => compareIds(item.id, mark) > 0 && !known.has(item.id))
    .sort((a, b) => compareIds(b.id, a.id))
}

/**
 * Asks for the newest followed posts; as long as nothing changes, the server answers 304 and nothing is rendered.
 * @param isShown whether the feed shows a post already
 * @param onArrived told what waits, whenever that changes
 */
export function watchArrivals(
  api: Api,
  isShown: (id: Id) => boolean,
  onArrived: (waiting: readonly FeedItem[]) => void,
): Arrivals {
  let tag: string | null = null
  let mark: Id | null = null
  let waiting: FeedItem[] = []

  async function look(): Promise<void> {
    const path = `/v1/feed?mode=following&limit=${LOOK_AT}`
    const { body, etag } = await api.exchange<Page<FeedItem>>(path, { ifNoneMatch: tag })
    if (body === null) return
    tag = etag
    const newest = body.items.map((item) => item.id).reduce((a, b) => (compareIds(a, b) >= 0 ? a : b), '0')
    if (mark === null) {
      mark = newest
      return
    }
    const fresh = newerThan(body.items, mark, new Set(waiting.map((item) => item.id))).filter(
      (item) => !isShown(item.id),
    )
    if (compareIds(newest, mark) > 0) mark = newest
    if (fresh.length === 0) return
    waiting = [...fresh, ...waiting]
    onArrived(waiting)
  }
  const looking = every(EVERY_MS, look)
  return {
    take() {
      const taken = waiting.filter((item) => !isShown(item.id))
      waiting = []
      return taken
    },
    pause: looking.pause,
    resume: looking.resume,
    close: looking.pause,
  }
}

/** Acts at once, then again and again so long after it is done; not while the page is hidden. */
function every(pauseMs: number, act: () => Promise<void>): { pause(): void; resume(): void } {
  let timer: ReturnType<typeof setTimeout> | undefined
  let isPaused = false
  function next(): void {
    clearTimeout(timer)
    if (isPaused) return
    timer = setTimeout(() => {
      // One that fails is made up for by the next.
      void (document.hidden ? Promise.resolve() : act().catch(() => {})).then(next)
    }, pauseMs)
  }
  void act()
    .catch(() => {})
    .then(next)
  return {
    pause() {
      isPaused = true
      clearTimeout(timer)
    },
    resume() {
      isPaused = false
      next()
    },
  }
}
