/**
 * The last page that this location served to a reader: what is left when Redis and Postgres are both away. Kept in the
 * isolate and, once a minute and reader, in the location's Cache API, where other isolates find it.
 */
import type { Clock, Id } from '#core/ids.ts'
import { BoundedMap } from './bounded-map.ts'

const KEEP_SECONDS = 86_400
const WRITE_EVERY_MS = 60_000
const READERS = 200

export interface LastPages {
  /**
   * @param render joins the page's text from what the isolate holds of its posts anyway: two hundred texts, each new a
   * moment later, would be what the garbage collector is busy with
   */
  keep(user: Id, render: () => string, later: (work: () => Promise<unknown>) => void): void
  find(user: Id): Promise<string | null>
}

export function lastPages(clock: Clock, cache: () => Cache): LastPages {
  const pages = new BoundedMap<Id, () => string>(READERS)
  const written = new BoundedMap<Id, number>(READERS * 10)
  /** Never fetched: only a name in the cache. */
  const request = (user: Id) => new Request(`https://feed.invalid/last-page/${user}`)
  return {
    keep(user, render, later) {
      pages.delete(user)
      pages.set(user, render)
      if (clock() - (written.get(user) ?? 0) < WRITE_EVERY_MS) return
      written.set(user, clock())
      const headers = { 'content-type': 'application/json', 'cache-control': `max-age=${KEEP_SECONDS}` }
      later(() => cache().put(request(user), new Response(render(), { headers })))
    },
    async find(user) {
      const kept = pages.get(user)
      if (kept !== undefined) return kept()
      const found = await cache().match(request(user))
      return found === undefined ? null : found.text()
    },
  }
}
