/**
 * Walks over all likes, a portion at a time, and has the store finish those that a crash cut off in the middle. Their posts are
 * recounted, so that counts follow. What no client repeated is found here, and only here.
 */
import { z } from 'zod'
import { type Clock, parseId } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import type { RedisPort } from '#core/redis.ts'
import type { Logger } from '../observe/logger.ts'
import { markDirty } from './counters.ts'
import { holdLease } from './lease.ts'
import { reflectLike } from './liked-set.ts'
import type { EngagementStore, ReconciledLikes } from './store.ts'

export const RECONCILE = Object.freeze({
  everyMs: 10_000,
  /** Likes of one portion: half a second's work for one node, so that taps do not feel it. 8.6 million a day. */
  likesPerPortion: 1_000,
  /** From the beginning of one walk to that of the next, where there is little to walk over. */
  walkEveryMs: 3_600_000,
  /** Longer than a portion takes: one process at a time walks. */
  leaseMs: 30_000,
})

export interface ReconcileNeeds {
  store: EngagementStore
  redis: RedisPort
  clock: Clock
  logger: Logger
  /** Names this process in the lease. */
  owner: string
  likesPerPortion?: number
  /** Told of each portion: how many likes were looked at, and how many repaired. */
  onPortion?: (checked: number, repaired: number) => void
}

export interface Reconcile {
  /** One portion. @returns how many likes were repaired; 0 also while nothing is due, or another process walks */
  tick(): Promise<number>
}

const id = z.string().refine((text) => parseId(text) !== null)
const progress = z.object({ startedMs: z.number(), after: z.object({ userId: id, postId: id }).nullable() })
type Progress = z.output<typeof progress>

const JOB = 'likes'

export function createReconcile(needs: ReconcileNeeds): Reconcile {
  const { store, redis, clock, owner } = needs
  return {
    async tick() {
      if (!(await holdLease({ redis, owner, job: 'reconcile', leaseMs: RECONCILE.leaseMs }))) return 0
      const former = await readProgress(redis)
      const isThrough = former !== null && former.after === null
      if (isThrough && clock() - former.startedMs < RECONCILE.walkEveryMs) return 0
      const walk = former === null || isThrough ? { startedMs: clock(), after: null } : former
      const portion = await store.reconcileLikes(walk.after, needs.likesPerPortion ?? RECONCILE.likesPerPortion)
      await follow(needs, portion)
      const reached: Progress = { startedMs: walk.startedMs, after: portion.next }
      await redis.pipeline([['SET', keys.progress(JOB), JSON.stringify(reached)]])
      return portion.repaired.length
    },
  }
}

/** Null: at the beginning, also where what Redis holds is not ours. */
async function readProgress(redis: RedisPort): Promise<Progress | null> {
  const [text] = await redis.pipeline([['GET', keys.progress(JOB)]])
  if (typeof text !== 'string') return null
  try {
    return progress.parse(JSON.parse(text))
  } catch {
    return null
  }
}

/** Counts and liked sets are derived from the store: they are brought to what it says now. */
async function follow({ store, redis, clock, logger, onPortion }: ReconcileNeeds, portion: ReconciledLikes) {
  const { checked, repaired } = portion
  onPortion?.(checked, repaired.length)
  if (repaired.length === 0) return
  logger.warn({ likes: repaired.length, of: checked, first: repaired[0] }, 'likes that were cut off are finished')
  await redis.pipeline([...new Set(repaired.map(({ postId }) => postId))].map((postId) => markDirty(postId, clock())))
  for (const { userId, postId } of repaired) {
    const row = await store.likeOf(postId, userId)
    if (row !== null) await reflectLike(redis, userId, postId, row)
  }
}
