/**
 * How far a replica is behind: the time until what its primary had written at an instant can be read at the replica. Positions
 * in the write-ahead log are compared, read by one clock. The primary's own figure (pg_stat_replication.replay_lag) is that of
 * the last commit which was replayed: with replay held it stands still. pg_last_xact_replay_timestamp() grows whenever nobody
 * writes.
 */
import type { Clock } from '#core/ids.ts'

/** A primary and its replica. */
export interface ReplicaPair {
  /** How far the primary's log has been written. @throws when it does not answer */
  written(): Promise<string>
  /** Whether the replica shows all of the log up to a position. @throws when it does not answer, or is no replica of this primary */
  shows(position: string): Promise<boolean>
}

/** A position that the replica did not show at the last look. */
export interface Awaited {
  position: string
  sinceMs: number
}

interface Lag {
  lagMs: number
  /** Null: the replica shows all that was written `lagMs` ago. */
  awaited: Awaited | null
}

interface LagNeeds {
  clock: Clock
  pause(ms: number): Promise<void>
  /** Milliseconds after which waiting ends for now. */
  limitMs: number
}

const PAUSE_MS = 20

/** @param awaited of the last look, which is then waited for: the lag of a replica that stands still must grow */
export async function measureLag(pair: ReplicaPair, awaited: Awaited | null, needs: LagNeeds): Promise<Lag> {
  const { clock, pause, limitMs } = needs
  const sinceMs = awaited?.sinceMs ?? clock()
  const position = awaited?.position ?? (await pair.written())
  for (;;) {
    const isThere = await pair.shows(position)
    const lagMs = clock() - sinceMs
    if (isThere) return { lagMs, awaited: null }
    if (lagMs > limitMs) return { lagMs, awaited: { position, sinceMs } }
    await pause(PAUSE_MS)
  }
}
