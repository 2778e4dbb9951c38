/**
 * Rolls counter shards up into counts:<id>, the delta that isolates read, and the posts' rows, about once a second and for
 * posts that moved only; and recounts a post from the store once it is quiet, so that its counts are exact.
 */
import type { Clock, Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { type Command, type RedisPort, scored } from '#core/redis.ts'
import { announce, type Change, type Counts } from '#core/timeline/index.ts'
import type { Database } from '#drizzle/database.ts'
import { storeCounts } from '#drizzle/queries/engagement.ts'
import { type CounterState, foldShards, readCounters, setCounters, settle } from './counters.ts'
import { holdLease } from './lease.ts'
import type { EngagementStore } from './store.ts'

export const ROLL_UP = Object.freeze({
  /** Between two rolls: isolates read the delta at the same pace. */
  everyMs: 1_000,
  /** A post is recounted once nothing has moved for so long: exact within ten seconds of the last like. */
  quietMs: 5_000,
  /** A post that is never quiet is recounted this often. */
  hotRecountMs: 60_000,
  /** Posts taken on in one roll: each is three reads in one pipeline. */
  postsPerRoll: 2_000,
  /** Recounts in one roll, and how many of them run side by side: a count is a scan of the post's likes. */
  recountsPerRoll: 500,
  parallelRecounts: 8,
  /** Writers' clocks differ a little, and a mark may be written late. */
  overlapMs: 2_000,
  leaseMs: 3_000,
})

export interface RollUpNeeds {
  redis: RedisPort
  store: EngagementStore
  /** Where the posts' rows are. */
  posts: Database
  clock: Clock
  /** Names this process in the lease: one at a time rolls. */
  owner: string
  /** Told how far a recount moved a post's counters; 0 most of the time. */
  onRecount?: (drift: number) => void
}

export interface RollUp {
  /** One roll. @returns how many posts were looked at; 0 also when another process holds the lease */
  tick(): Promise<{ rolled: number; recounted: number }>
}

interface Rolled extends Counts {
  postId: Id
  former: Counts | null
}

export function createRollUp(needs: RollUpNeeds): RollUp {
  const { redis, store, clock } = needs
  /** When each post that is dirty was last recounted here; bounded by what is dirty. */
  const recountedMs = new Map<Id, number>()
  let lastRollMs = 0

  const recount = async ({ postId, isQuiet }: { postId: Id; isQuiet: boolean }): Promise<Rolled> => {
    const [{ likes, comments, former } = UNKNOWN] = await readCounters(redis, [postId])
    const truth = await store.count(postId)
    const drift = Math.abs(truth.likes - (likes ?? 0)) + Math.abs(truth.comments - (comments ?? 0))
    // A post's first likes come with no counter to drift from.
    needs.onRecount?.(former === null ? 0 : drift)
    const isSpread = await foldShards(redis, postId, isQuiet)
    if (isSpread || drift > 0 || likes === null || comments === null) await redis.pipeline(setCounters(postId, truth))
    recountedMs.set(postId, clock())
    return { postId, ...truth, former }
  }

  const rollMoved = async (moved: readonly Id[]): Promise<{ rolled: Rolled[]; unknown: Id[] }> => {
    const states = await readCounters(redis, moved)
    const rolled: Rolled[] = []
    const unknown: Id[] = []
    moved.forEach((postId, i) => {
      const counted = readRolled(postId, states[i] ?? UNKNOWN)
      const lastMs = recountedMs.get(postId) ?? clock()
      if (!recountedMs.has(postId)) recountedMs.set(postId, lastMs)
      if (counted === null || clock() - lastMs >= ROLL_UP.hotRecountMs) unknown.push(postId)
      else rolled.push(counted)
    })
    return { rolled, unknown }
  }

  return {
    async tick() {
      if (!(await holdLease({ redis, owner: needs.owner, job: 'counts', leaseMs: ROLL_UP.leaseMs })))
        return { rolled: 0, recounted: 0 }
      const nowMs = clock()
      const quietBefore = nowMs - ROLL_UP.quietMs
      const [recent, quiet] = await redis.pipeline([
        dirtyBetween(Math.max(lastRollMs - ROLL_UP.overlapMs, quietBefore + 1), '+inf', ROLL_UP.postsPerRoll),
        dirtyBetween('-inf', quietBefore, ROLL_UP.recountsPerRoll),
      ])
      const moved = scored(recent).map(([postId]) => postId)
      const settled = scored(quiet)
      const { rolled, unknown } = await rollMoved(moved)
      const hot = unknown.map((postId) => ({ postId, isQuiet: false }))
      const calm = settled.map(([postId]) => ({ postId, isQuiet: true }))
      const recounted = await inParallel([...hot, ...calm], recount)
      await publish(needs, [...rolled, ...recounted])
      await redis.pipeline(settled.map(([postId, ms]) => settle(postId, ms)))
      for (const [postId] of settled) recountedMs.delete(postId)
      // A roll that was cut off is continued by the next one.
      const last = scored(recent).at(-1)
      lastRollMs = last === undefined || moved.length < ROLL_UP.postsPerRoll ? nowMs : last[1] + ROLL_UP.overlapMs
      return { rolled: rolled.length, recounted: recounted.length }
    },
  }
}

const UNKNOWN: CounterState = { likes: null, comments: null, former: null }

/** Null when a counter is missing or impossible: Redis has lost something, or the post is new; only the store knows. */
function readRolled(postId: Id, { likes, comments, former }: CounterState): Rolled | null {
  if (likes === null || comments === null || former === null) return null
  return likes < 0 || comments < 0 ? null : { postId, likes, comments, former }
}

const dirtyBetween = (from: number | string, to: number | string, limit: number): Command => [
  'ZRANGE',
  keys.dirtyCounts(),
  from,
  to,
  'BYSCORE',
  'LIMIT',
  0,
  limit,
  'WITHSCORES',
]

/** Postgres first: what the delta announces must not be older in a row that is read on a miss. */
async function publish({ posts, redis, clock }: RollUpNeeds, all: readonly Rolled[]): Promise<void> {
  const changed = all.filter((r) => r.former?.likes !== r.likes || r.former.comments !== r.comments)
  if (changed.length === 0) return
  await posts.query(storeCounts(changed.map(({ postId, likes, comments }) => ({ postId, likes, comments }))))
  const change = (postId: Id, counts: Counts): Change => ({ kind: 'counts', post: postId, ...pick(counts) })
  const former = changed.flatMap((r) => (r.former === null ? [] : [change(r.postId, r.former)]))
  await redis.pipeline([
    ...changed.map((r): Command => ['SET', keys.counts(r.postId), `${r.likes}:${r.comments}`]),
    ...announce(
      changed.map((r) => change(r.postId, r)),
      clock(),
      former,
    ),
  ])
}

const pick = ({ likes, comments }: Counts): Counts => ({ likes, comments })

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let i = 0; i < items.length; i += ROLL_UP.parallelRecounts) {
    results.push(...(await Promise.all(items.slice(i, i + ROLL_UP.parallelRecounts).map(work))))
  }
  return results
}
