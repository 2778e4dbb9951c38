/**
 * Purging what caches at the edge hold. Deletions and moves only lay down a tag; a loop sends tags by the hundred, so that
 * the few calls a minute of Cloudflare's smallest plan are enough, and keeps them until the call has succeeded.
 */
import type { Clock } from '#core/ids.ts'
import type { PurgeStore } from './store.ts'

/** Where a CDN is told to forget. Idempotent. */
export interface CachePurge {
  /** @throws Error with the CDN's own words when it refuses or cannot be reached */
  byTags(tags: readonly string[]): Promise<void>
}

export const PURGE_POLICY = Object.freeze({
  /** Tags a call: Cloudflare takes a hundred. */
  tagsPerCall: 100,
  /** Five calls a minute are what its Free plan allows (developers.cloudflare.com/cache/how-to/purge-cache, limits). */
  everyMs: 12_000,
  /** After the objects are gone: an answer that was being made of them then has been written to its cache. */
  settleMs: 10_000,
})

export interface CloudflareZone {
  zoneId: string
  /** A token with the permission Cache Purge for this zone. */
  apiToken: string
  /** Default: Cloudflare's own. */
  endpoint?: string
  timeoutMs?: number
}

/** POST /zones/{zone_id}/purge_cache (developers.cloudflare.com/api/resources/cache/methods/purge). */
export function cloudflarePurge(zone: CloudflareZone): CachePurge {
  const { zoneId, apiToken, endpoint = 'https://api.cloudflare.com/client/v4', timeoutMs = 10_000 } = zone
  return {
    async byTags(tags) {
      const response = await fetch(`${endpoint}/zones/${zoneId}/purge_cache`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiToken}`, 'content-type': 'application/json' },
        body: JSON.stringify({ tags }),
        signal: AbortSignal.timeout(timeoutMs),
      })
      const text = await response.text()
      if (!response.ok || !saysSuccess(text)) {
        throw new Error(`Cloudflare did not purge: ${response.status} ${text.slice(0, 500)}`)
      }
    },
  }
}

/** Its envelope says success beside the status. */
function saysSuccess(text: string): boolean {
  try {
    return (JSON.parse(text) as { success?: unknown }).success === true
  } catch {
    return false
  }
}

/**
 * Carries out one call's worth of the purges that are due.
 * @returns how many
 * @throws Error of the CDN: everything is kept for the next time
 */
export async function purgeOnce(store: PurgeStore, caches: CachePurge, clock: Clock): Promise<number> {
  const due = await store.due(clock() - PURGE_POLICY.settleMs, PURGE_POLICY.tagsPerCall)
  if (due.length === 0) return 0
  await caches.byTags(due.map(({ tag }) => tag))
  await store.done(due)
  return due.length
}
