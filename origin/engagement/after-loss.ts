/**
 * Redis may lose what it acknowledged (docs/correctness.md, rule 14). What of likes and comments is kept there is derived again from their
 * events since the loss: posts are marked for a recount, liked:{u} is held to the store. A loss is noted in Redis, and taken out when all
 * of it is done: whichever process has the role does it, and goes on where another died or the store was away.
 */
import type { Clock } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { type Command, type RedisPort, scored } from '#core/redis.ts'
import type { OperableEventLog } from '../event-log.ts'
import { repairs, TOPICS } from './consumer.ts'
import type { EngagementStore } from './store.ts'

export const AFTER_LOSS = Object.freeze({
  /** Between two looks for a loss. */
  everyMs: 1_000,
  /** Events looked at side by side: as many as leave Redis and the store to the taps of the moment. */
  parallel: 32,
})

export interface AfterLossNeeds {
  redis: RedisPort
  store: EngagementStore
  log: Pick<OperableEventLog, 'since'>
  clock: Clock
}

/** Notes that what was written since an instant may be missing. */
export async function noteLoss(redis: RedisPort, clock: Clock, sinceMs: number): Promise<void> {
  // A member a loss: another one while this is worked on is not taken for done with it.
  await redis.pipeline([['ZADD', keys.losses(), sinceMs, `${sinceMs}:${clock()}`]])
}

/** Derives again what is noted as lost. @returns how many events were looked at */
export async function deriveLost({ redis, store, log }: AfterLossNeeds): Promise<number> {
  const [reply] = await redis.pipeline([['ZRANGE', keys.losses(), 0, -1, 'WITHSCORES']])
  const losses = scored(reply)
  const [first] = losses
  if (first === undefined) return 0
  const { repair } = repairs(redis, store)
  let looked = 0
  for await (const events of log.since(TOPICS, first[1])) {
    for (let i = 0; i < events.length; i += AFTER_LOSS.parallel) {
      await Promise.all(events.slice(i, i + AFTER_LOSS.parallel).map((event) => repair(event)))
    }
    looked += events.length
  }
  await redis.pipeline(losses.map(([loss]): Command => ['ZREM', keys.losses(), loss]))
  return looked
}
