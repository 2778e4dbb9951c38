/** Impressions: signal.seen into seen:{u}. One writer a person at a time, since the person is the event's key. */
import type { EventData } from '#core/events.ts'
import { addSeen, emptySeen, formatSeen, parseSeen } from '#core/feed/index.ts'
import type { Clock } from '#core/ids.ts'
import { keys, TTL } from '#core/keys.ts'
import type { RedisPort } from '#core/redis.ts'

/** Adds reported impressions to a person's filters. A repetition adds what is there already. */
export async function recordSeen(signal: EventData<'signal.seen'>, redis: RedisPort, clock: Clock): Promise<void> {
  const key = keys.seen(signal.userId)
  const [stored] = await redis.pipeline([['GET', key]])
  const former = typeof stored === 'string' ? parseSeen(stored) : null
  const seen = addSeen(former ?? emptySeen(clock()), signal.postIds, clock())
  await redis.pipeline([['SET', key, formatSeen(seen), 'EX', TTL.seen]])
}
