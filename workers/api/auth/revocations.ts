/**
 * What this isolate knows of ended sessions stays a few seconds fresh on every route, without a round trip a request: they
 * come with the delta, which feeds read in their own pipeline. Where no feed does, it is read here, about once a second
 * and behind the answer; only an isolate that was idle for longer waits for it before it trusts a token that it remembers.
 */
import type { Clock } from '#core/ids.ts'
import { RedisAwayError, type RedisPort } from '#core/redis.ts'
import { readDelta } from '#core/timeline/index.ts'
import type { FeedIsolate } from '../feed/isolate.ts'

export interface Revocations {
  /**
   * What to wait for until this isolate has heard of every session that ended more than `FRESH_MS` ago; null for nothing.
   * With Redis away it cannot hear: remembered tokens count until they expire (correctness 28).
   * @param later runs work behind the answer
   */
  catchUp(later: (work: Promise<void>) => void): Promise<void> | null
}

export interface RevocationPorts {
  redis: RedisPort
  isolate: FeedIsolate
  clock: Clock
}

/** How long an ended session may still be let in: what sign-out promises elsewhere is seconds, too. */
export const FRESH_MS = 3_000

export function createRevocations({ redis, isolate, clock }: RevocationPorts): Revocations {
  async function read(sinceMs: number, nowMs: number): Promise<void> {
    try {
      const [reply] = await redis.pipeline([readDelta(sinceMs)])
      isolate.applyDelta(reply, sinceMs, nowMs)
    } catch (error) {
      isolate.readsFailed(true, false)
      if (!(error instanceof RedisAwayError)) throw error
    }
  }

  return {
    catchUp(later) {
      const now = clock()
      if (isolate.deltaAgeMs(now) > FRESH_MS) return read(isolate.askDelta(now), now)
      const since = isolate.deltaDue(now)
      if (since !== null) later(read(since, now))
      return null
    },
  }
}
