/** Tells the server which posts were really on the screen: the ranking then brings others first. */
import type { Id } from './api.ts'
import type { Api } from './http.ts'

const VISIBLE_SHARE = 0.6
const VISIBLE_MS = 1_000
const REPORT_EVERY_MS = 5_000
const MOST_AT_ONCE = 200

export function watchImpressions(api: Api): { watch(card: HTMLElement): void; close(): void } {
  const since = new Map<Id, number>()
  const reported = new Set<Id>()
  const observer = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        const id = (entry.target as HTMLElement).dataset.post
        if (id === undefined || reported.has(id)) continue
        if (entry.isIntersecting) since.set(id, performance.now())
        else since.delete(id)
      }
    },
    { threshold: VISIBLE_SHARE },
  )
  const report = () => {
    if (document.hidden) return
    const now = performance.now()
    const seen = [...since]
      .filter(([, from]) => now - from >= VISIBLE_MS)
      .map(([id]) => id)
      .slice(0, MOST_AT_ONCE)
    if (seen.length === 0) return
    for (const id of seen) {
      since.delete(id)
      reported.add(id)
    }
    // An impression that is lost only means that the post may come again.
    api.call('/v1/signals', { method: 'POST', body: { seen }, keepalive: true }).catch(() => {})
  }
  const timer = setInterval(report, REPORT_EVERY_MS)
  return {
    watch: (card) => observer.observe(card),
    close() {
      clearInterval(timer)
      report()
      observer.disconnect()
    },
  }
}
