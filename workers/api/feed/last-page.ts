/**
 * The last page that this location served to a reader: what is left when Redis and Postgres are both away, or too slow. Kept in the
 * isolate and, once a minute and reader, in the location's Cache API, where other isolates find it. Whoever is known by now
 * to be hidden from the reader, and what is known to be deleted, is left out of it.
 */
import { decodeFeedCursor, encodeFeedCursor, type FeedMode, type FeedPosition, type Reason } from '#core/feed/index.ts'
import type { Clock, Id } from '#core/ids.ts'
import { inTime } from '../data/in-time.ts'
import { BoundedMap } from './bounded-map.ts'
import type { FeedQuery } from './page.ts'

const KEEP_SECONDS = 86_400
const WRITE_EVERY_MS = 60_000
/**
 * Fewer than an isolate serves between two scavenges: what they hold of posts that it has let go is not left to a full
 * collection.
 */
const PAGES = 50
/** Pages of which it is known when they were written, and readers of whom it is known when theirs were forgotten. */
const KNOWN = 2_000
/** For a look into a cache of the same building. */
const LOOK_MS = 200
const MODES: readonly FeedMode[] = ['ranked', 'following']
/** Since when the page was made, in ms since 1970. */
const MADE = 'tideline-made'

/** An item of a kept page, as far as it is looked at. */
export interface KeptItem {
  id: Id
  reason: Reason
  author: { id: Id }
}

export interface LastPages {
  /**
   * Keeps it, unless a newer page is here, or what this one shows was forgotten after its making had begun.
   * @param text of the page as it is now; asked for at once, where it is written to the location
   */
  keep(
    of: Pick<FeedQuery, 'user' | 'mode'>,
    page: KeptPage,
    text: () => string,
    later: (work: () => Promise<unknown>) => void,
  ): void
  /**
   * The last page of this mode, with at most `limit` items; its cursor goes on behind them. Null where there is none, none of
   * its items may be shown, or no cache answers.
   * @param mayShow whether an item of a page that was made then may be shown now
   * @param sinceMs in ms since 1970: a page that was made earlier is none
   */
  find(of: FeedQuery, mayShow: (item: KeptItem, madeMs: number) => boolean, sinceMs?: number): Promise<string | null>
  /** Keeps nothing of this reader any longer: whom they see has changed. Other isolates may still hold a page. */
  forget(user: Id): Promise<void>
}

export interface KeptPage {
  /**
   * Joins the page's text from what the isolate holds of its posts anyway: dozens of texts, each new a moment later, would be
   * what the garbage collector is busy with.
   */
  render: () => string
  /** When its making began, in ms since 1970: of what changed since it may know nothing. */
  madeMs: number
}

export function lastPages(clock: Clock, cache: () => Cache): LastPages {
  const pages = new BoundedMap<string, KeptPage>(PAGES)
  const written = new BoundedMap<string, number>(KNOWN)
  /** Readers whose pages were forgotten, and when: a page whose making had begun by then is none. */
  const forgotten = new BoundedMap<Id, number>(KNOWN)
  const keyOf = ({ user, mode }: Pick<FeedQuery, 'user' | 'mode'>) => `${mode}/${user}`
  const isForgotten = (user: Id, { madeMs }: KeptPage) => madeMs <= (forgotten.get(user) ?? Number.NEGATIVE_INFINITY)
  /** Never fetched: only a name in the cache. */
  const request = (key: string) => new Request(`https://feed.invalid/last-page/${key}`)

  async function inLocation(key: string): Promise<KeptPage | null> {
    const found = await cache().match(request(key))
    if (found === undefined) return null
    const text = await found.text()
    return { render: () => text, madeMs: Number(found.headers.get(MADE)) }
  }

  return {
    keep(of, page, text, later) {
      const key = keyOf(of)
      const { madeMs } = page
      if (isForgotten(of.user, page) || madeMs < (pages.get(key)?.madeMs ?? madeMs)) return
      pages.delete(key)
      pages.set(key, page)
      if (madeMs - (written.get(key) ?? 0) < WRITE_EVERY_MS) return
      written.set(key, madeMs)
      const headers = {
        'content-type': 'application/json',
        'cache-control': `max-age=${KEEP_SECONDS}`,
        [MADE]: String(madeMs),
      }
      later(async () => {
        await cache().put(request(key), new Response(text(), { headers }))
        // While it was written.
        if (isForgotten(of.user, page)) await cache().delete(request(key))
      })
    },
    async find(of, mayShow, sinceMs = Number.NEGATIVE_INFINITY) {
      const key = keyOf(of)
      const held = pages.get(key)
      const isNew = held !== undefined && held.madeMs >= sinceMs
      const look = () => inLocation(key).catch(() => null)
      const kept = isNew ? held : await inTime(look(), LOOK_MS)
      if (kept === null || kept.madeMs < sinceMs || isForgotten(of.user, kept)) return null
      return cutTo(of, kept.render(), (item) => mayShow(item, kept.madeMs))
    },
    async forget(user) {
      forgotten.delete(user)
      forgotten.set(user, clock())
      const keys = MODES.map((mode) => keyOf({ user, mode }))
      for (const key of keys) {
        pages.delete(key)
        written.delete(key)
      }
      await Promise.all(keys.map((key) => cache().delete(request(key))))
    },
  }
}

/** What is beyond the limit stands in front of what the page's cursor had left. */
function cutTo({ mode, limit }: FeedQuery, text: string, mayShow: (item: KeptItem) => boolean): string | null {
  const page = JSON.parse(text) as { items: KeptItem[]; cursor: string | null }
  const shown = page.items.filter(mayShow)
  if (shown.length === 0 && page.items.length > 0) return null
  const items = shown.slice(0, limit)
  const beyond = shown.slice(limit).filter(({ reason }) => reason !== 'sponsored')
  if (beyond.length === 0) return JSON.stringify({ items, cursor: page.cursor })
  const ended = { mode, rest: [], bottom: '0', shown: [], served: page.items.length, isBeyond: true }
  const walk = page.cursor === null ? ended : walkOf(page.cursor, mode)
  if (walk === null) return null
  const rest = [...beyond.map(({ id, reason }) => ({ id, reason, relevance: 0 })), ...walk.rest]
  const served = Math.max(0, walk.served - beyond.length)
  return JSON.stringify({ items, cursor: encodeFeedCursor({ ...walk, rest, served }) })
}

/** Null where another release has made the cursor, and this one cannot read it: its reader did not send it. */
function walkOf(cursor: string, mode: FeedMode): FeedPosition | null {
  try {
    return decodeFeedCursor(cursor, mode)
  } catch {
    return null
  }
}
