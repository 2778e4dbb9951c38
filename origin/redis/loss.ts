/**
 * Redis may lose acknowledged writes in a restart or a failover (docs/correctness.md, rule 14). It says itself how much: a
 * heartbeat is written there every second with the server's run id. Another run id beside an older heartbeat means that
 * what was written since may be missing, whether the origin was up at that moment or not.
 */
import type { Clock } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import type { RedisPort } from '#core/redis.ts'

export interface LossGuard {
  redis: RedisPort
  clock: Clock
  /** Writes that were on their way to a replica or a file when the heartbeat was: counted as lost, too. */
  marginMs: number
  /**
   * Brings back what may be missing since an instant; null when Redis came back with nothing. Tried again until it
   * resolves.
   */
  restore(sinceMs: number | null): Promise<void>
}

/** Looks once: restores if there was a loss, then writes the heartbeat. Call it about once a second. */
export function lossGuard({ redis, clock, marginMs, restore }: LossGuard): () => Promise<void> {
  let hasBeaten = false
  return async () => {
    const [stored, info] = await redis.pipeline([
      ['GET', keys.heartbeat()],
      ['INFO', 'server'],
    ])
    const runId = /^run_id:(\w+)/m.exec(String(info))?.[1] ?? 'unknown'
    const [storedMs, storedRun] = typeof stored === 'string' ? stored.split(':') : []
    if (storedMs !== undefined && storedRun !== runId) await restore(Number(storedMs) - marginMs)
    else if (storedMs === undefined && hasBeaten) await restore(null)
    await redis.pipeline([['SET', keys.heartbeat(), `${clock()}:${runId}`]])
    hasBeaten = true
  }
}
