/**
 * Requests a minute, by person (or address) and class of route. The isolate counts for itself first: reads ask the
 * binding only once somebody has used a good part of their limit here, so that an ordinary reader costs nothing.
 */
import type { Clock } from '#core/ids.ts'

/** `refused` counts tokens that were refused, by address: each costs the check of a signature, and names nobody. */
export type RouteClass = 'read' | 'write' | 'sign-in' | 'refused'

interface Limit {
  binding: RateLimit
  /** As in wrangler.toml: the binding does not tell its limit. */
  perMinute: number
  /** Requests of one key that this isolate lets through before it asks the binding. */
  unasked: number
}

export interface RateLimitVerdict {
  allowed: boolean
  limit: number
  /** What this isolate knows of; other isolates may have used some of it. */
  remaining: number
  resetSeconds: number
}

export interface RateLimits {
  take(routeClass: RouteClass, key: string): Promise<RateLimitVerdict> | RateLimitVerdict
  /** Seconds until a key counts again that has used up its limit, as far as this isolate knows; null: it has not. Counts nothing. */
  usedUp(routeClass: RouteClass, key: string): number | null
}

const WINDOW_MS = 60_000
/** Keys counted at once; beyond, the count starts anew, which only makes us ask less. */
const COUNTED_KEYS = 20_000

type Bindings = Pick<ApiEnv, 'RATE_LIMITER' | 'RATE_LIMITER_WRITES' | 'RATE_LIMITER_SIGN_IN'>

export function createRateLimits(bindings: Bindings, clock: Clock): RateLimits {
  const limits: Record<RouteClass, Limit> = {
    // A hundred a second is no reader, and half a millisecond each is what a read costs us.
    read: { binding: bindings.RATE_LIMITER, perMinute: 6_000, unasked: 3_000 },
    write: { binding: bindings.RATE_LIMITER_WRITES, perMinute: 300, unasked: 30 },
    'sign-in': { binding: bindings.RATE_LIMITER_SIGN_IN, perMinute: 60, unasked: 0 },
    refused: { binding: bindings.RATE_LIMITER_WRITES, perMinute: 300, unasked: 30 },
  }
  let window = 0
  let counts = new Map<string, number>()
  const secondsLeft = (now: number) => Math.ceil(((Math.floor(now / WINDOW_MS) + 1) * WINDOW_MS - now) / 1000)

  return {
    usedUp(routeClass, key) {
      const now = clock()
      if (Math.floor(now / WINDOW_MS) !== window) return null
      const isOver = (counts.get(`${routeClass}:${key}`) ?? 0) >= limits[routeClass].perMinute
      return isOver ? secondsLeft(now) : null
    },
    take(routeClass, key) {
      const now = clock()
      const current = Math.floor(now / WINDOW_MS)
      if (current !== window || counts.size > COUNTED_KEYS) {
        window = current
        counts = new Map()
      }
      const { binding, perMinute, unasked } = limits[routeClass]
      const counted = `${routeClass}:${key}`
      const count = (counts.get(counted) ?? 0) + 1
      counts.set(counted, count)
      const verdict = (allowed: boolean): RateLimitVerdict => ({
        allowed,
        limit: perMinute,
        remaining: allowed ? Math.max(0, perMinute - count) : 0,
        resetSeconds: secondsLeft(now),
      })
      if (count <= unasked) return verdict(true)
      if (count > perMinute) return verdict(false)
      return binding.limit({ key: counted }).then(({ success }) => verdict(success))
    },
  }
}
