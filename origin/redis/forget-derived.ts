/**
 * What to do when Redis comes back older than it was: a set that marks itself whole, restored from before the last writes,
 * lies. It would hide posts from its reader, or show a blocked author, for as long as it lives.
 */
import { type Command, strings } from '#core/redis.ts'
import type { OriginRedis } from './port.ts'

/**
 * Keys that stay true when they are old: promises, revocations, counts of today, and lists that are replaced as a whole.
 * Everything else is derived from Postgres or the engagement store and is derived again when it is missing.
 */
const KEPT = /^(idem:|revoked:|signin:|seen:|adcap:|rec:|trend:|ads:slate$|jwks$|counts:dirty$|engagement:losses$)/

const KEYS_A_STEP = 1_000

/** Removes all derived keys, of every master of a cluster. For a start, before anybody reads. @returns how many keys were removed */
export async function forgetDerived(redis: OriginRedis): Promise<number> {
  let removed = 0
  for (const master of redis.masters()) {
    let cursor = '0'
    do {
      const [reply] = await master.pipeline([['SCAN', cursor, 'COUNT', KEYS_A_STEP]])
      const [next, keys] = Array.isArray(reply) ? reply : ['0', []]
      cursor = String(next)
      const derived = strings(keys).filter((key) => !KEPT.test(key))
      // A command a key: those of a step lie in many slots.
      await redis.pipeline(derived.map((key): Command => ['UNLINK', key]))
      removed += derived.length
    } while (cursor !== '0')
  }
  return removed
}
