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
  /** Brings back what may be missing. Tried again until it resolves. */
  restore(loss: Loss): Promise<void>
}

export interface Loss {
  /** Unix milliseconds since which writes may be missing. */
  sinceMs: number
  /** Redis came back with nothing at all: what is older is missing, too. */
  isEmpty: boolean
}

interface Look {
  master: RedisMaster
  runId: string
  /** Null: nothing is missing. */
  loss: Loss | null
}

/** Looks once: restores if there was a loss, then writes the heartbeats. Call it about once a second. */
export function lossGuard({ redis, clock, marginMs, restore }: LossGuard): () => Promise<void> {
  /** When this process has last written a heartbeat, by key; as many as there are masters. */
  const beaten = new Map<string, number>()

  const look = async (master: RedisMaster): Promise<Look> => {
    const key = keys.heartbeat(master.slot)
    const [stored, info] = await master.pipeline([
      ['GET', key],
      ['INFO', 'server'],
    ])
    const runId = /^run_id:(\w+)/m.exec(String(info))?.[1] ?? 'unknown'
    const [storedMs, storedRun] = typeof stored === 'string' ? stored.split(':') : []
    if (storedMs === undefined) {
      const lastMs = beaten.get(key)
      return { master, runId, loss: lastMs === undefined ? null : { sinceMs: lastMs - marginMs, isEmpty: true } }
    }
    // A slot that was moved to another node brings its heartbeat along: replaying for nothing does no harm.
    const isSame = storedRun === runId
    return { master, runId, loss: isSame ? null : { sinceMs: Number(storedMs) - marginMs, isEmpty: false } }
  }

  const beat = async ({ master, runId }: Look): Promise<void> => {
    const key = keys.heartbeat(master.slot)
    const nowMs = clock()
    await master.pipeline([['SET', key, `${nowMs}:${runId}`]])
    beaten.set(key, nowMs)
  }

  return async () => {
    const looks = await Promise.allSettled(redis.masters().map(look))
    const seen = looks.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
    const losses = seen.flatMap(({ loss }) => loss ?? [])
    if (losses.length > 0) {
      const sinceMs = Math.min(...losses.map((loss) => loss.sinceMs))
      await restore({ sinceMs, isEmpty: losses.every(({ isEmpty }) => isEmpty) })
    }
    // A master that is away must not keep the others' heartbeats from being written.
    const beats = await Promise.allSettled(seen.map(beat))
    for (const outcome of [...looks, ...beats]) if (outcome.status === 'rejected') throw outcome.reason
  }
}
