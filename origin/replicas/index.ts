/** Read replicas: which are near enough to their primaries to be read, looked at again and again. */
import type { Clock } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import type { Command } from '#core/redis.ts'
import { formatUsable, REPLICA_LIMITS } from '#core/replicas.ts'
import type { Logger } from '../observe/logger.ts'
import type { Metrics } from '../observe/metrics.ts'
import { type Awaited, measureLag, type ReplicaPair } from './lag.ts'

export type { ReplicaPair } from './lag.ts'
export { postgresPair } from './postgres.ts'

/** What /health shows of a replica. */
interface ReplicaState {
  /** Place of its primary in DATABASE_URLS. */
  database: number
  /** Null: it does not answer. */
  lagMs: number | null
  isUsed: boolean
}

export interface Replicas {
  /** Whether a replica may be read now: by a look that is young enough. */
  isUsable(database: number): boolean
  states(): ReplicaState[]
  /**
   * Looks at all of them. A replica that is usable after it shows all that had been committed before it. Never throws.
   */
  look(): Promise<void>
  /** Tells the edge what the last look found. */
  tell(): Command
  /** Further looks, and reads that may lag, are counted there. */
  observe(metrics: Metrics): void
  onRead(database: number): (by: 'replica' | 'primary') => void
}

interface ReplicasNeeds {
  /** By the place of the primary in DATABASE_URLS. */
  pairs: ReadonlyMap<number, ReplicaPair>
  clock: Clock
  pause(ms: number): Promise<void>
  logger: Logger
}

interface Standing {
  lagMs: number | null
  lookedMs: number
  awaited: Awaited | null
}

const UNKNOWN: Standing = { lagMs: null, lookedMs: Number.NEGATIVE_INFINITY, awaited: null }

export function createReplicas({ pairs, clock, pause, logger }: ReplicasNeeds): Replicas {
  const standings = new Map<number, Standing>([...pairs.keys()].map((database) => [database, UNKNOWN]))
  let observed: ReplicaMetrics | null = null
  const standing = (database: number) => standings.get(database) ?? UNKNOWN
  const isNear = ({ lagMs, awaited }: Standing) =>
    lagMs !== null && awaited === null && lagMs <= REPLICA_LIMITS.maxLagMs
  const isUsable = (database: number) => {
    const now = standing(database)
    return isNear(now) && clock() - now.lookedMs <= REPLICA_LIMITS.verdictMs
  }

  async function lookAt(database: number, pair: ReplicaPair): Promise<void> {
    const former = standing(database)
    const lookedMs = clock()
    const limitMs = REPLICA_LIMITS.maxLagMs
    let err: unknown
    const lag = await measureLag(pair, former.awaited, { clock, pause, limitMs }).catch((error: unknown) => {
      err = error
      return { lagMs: null, awaited: null }
    })
    const now = { ...lag, lookedMs }
    standings.set(database, now)
    observed?.lag.set({ database }, (now.lagMs ?? Number.POSITIVE_INFINITY) / 1_000)
    observed?.used.set({ database }, isNear(now) ? 1 : 0)
    if (isNear(now) === isNear(former) && former !== UNKNOWN) return
    if (isNear(now)) logger.info({ database, lagMs: now.lagMs }, 'a replica is near enough to be read')
    else logger.warn({ database, lagMs: now.lagMs, err }, 'a replica is away or too far behind: the primary is read')
  }

  return {
    isUsable,
    states: () => [...standings].map(([database, { lagMs }]) => ({ database, lagMs, isUsed: isUsable(database) })),
    async look() {
      await Promise.all([...pairs].map(([database, pair]) => lookAt(database, pair)))
    },
    tell: () => [
      'SET',
      keys.replicas(),
      formatUsable([...pairs.keys()].filter(isUsable)),
      'PX',
      REPLICA_LIMITS.verdictMs - REPLICA_LIMITS.isolateMs,
    ],
    observe(metrics) {
      observed = replicaMetrics(metrics)
    },
    onRead: (database) => (by) => observed?.reads.inc({ database, by }),
  }
}

type ReplicaMetrics = ReturnType<typeof replicaMetrics>

function replicaMetrics(metrics: Metrics) {
  return {
    lag: metrics.gauge('postgres_replica_lag_seconds', 'Until a replica shows what its primary has committed', [
      'database',
    ]),
    used: metrics.gauge('postgres_replica_used', '1 while a replica is near enough to be read', ['database']),
    reads: metrics.counter('postgres_lagging_reads_total', 'Reads that may lag, by who answered', ['database', 'by']),
  }
}
