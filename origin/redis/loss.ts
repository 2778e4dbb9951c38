/**
 * Redis may lose acknowledged writes in a restart or a failover (docs/correctness.md, rule 14). It says itself how much: a
 * heartbeat is written there every second with the server's run id, in a cluster one on each master. Another run id beside
 * an older heartbeat means that what was written since may be missing, whether the origin was up at that moment or not.
 */
import type { Clock } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import type { OriginRedis, RedisMaster } from './port.ts'

export interface LossGuard {
  redis: Pick<OriginRedis, 'masters'>
  clock: Clock
  /** Writes that were on their way to a replica or a file when the heartbeat was: counted as lost, too. */
  marginMs: number
  /**
   * Brings back what may be missing since an instant; null when Redis came back with nothing. Tried again until it
   * resolves.
   */
  restore(sinceMs: number | null): Promise<void>
}

interface Look {
  master: RedisMaster
  runId: string
  /** Unix milliseconds since which writes may be missing; null: all of them; undefined: none are. */
  lostSince: number | null | undefined
}

/** Looks once: restores if there was a loss, then writes the heartbeats. Call it about once a second. */
export function lossGuard({ redis, clock, marginMs, restore }: LossGuard): () => Promise<void> {
  /** Keys that this process has written a heartbeat at. */
  const beaten = new Set<string>()

  const look = async (master: RedisMaster): Promise<Look> => {
    const key = keys.heartbeat(master.slot)
    const [stored, info] = await master.pipeline([
      ['GET', key],
      ['INFO', 'server'],
    ])
    const runId = /^run_id:(\w+)/m.exec(String(info))?.[1] ?? 'unknown'
    const [storedMs, storedRun] = typeof stored === 'string' ? stored.split(':') : []
    if (storedMs === undefined) return { master, runId, lostSince: beaten.has(key) ? null : undefined }
    // A slot that was moved to another node brings its heartbeat along: replaying for nothing does no harm.
    return { master, runId, lostSince: storedRun === runId ? undefined : Number(storedMs) - marginMs }
  }

  const beat = async ({ master, runId }: Look): Promise<void> => {
    const key = keys.heartbeat(master.slot)
    await master.pipeline([['SET', key, `${clock()}:${runId}`]])
    beaten.add(key)
  }

  return async () => {
    const looks = await Promise.allSettled(redis.masters().map(look))
    const seen = looks.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    const losses = seen.flatMap(({ lostSince }) => (lostSince === undefined ? [] : [lostSince]))
    const dated = losses.filter((since) => since !== null)
    if (losses.length > 0) await restore(dated.length > 0 ? Math.min(...dated) : null)
    // A master that is away must not keep the others' heartbeats from being written.
    const beats = await Promise.allSettled(seen.map(beat))
    for (const outcome of [...looks, ...beats]) if (outcome.status === 'rejected') throw outcome.reason
  }
}
