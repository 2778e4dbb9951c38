/**
 * Rolls counter shards up into counts:<id>, the delta that isolates read, and the posts' rows, about once a second and for
 * posts that moved only; and recounts a post from the store once it is quiet, so that its counts are exact. A post that
 * cannot be counted or written now stays dirty and is tried again later: the others do not wait for it.
 */
import type { Clock, Id } from '#core/ids.ts'
import { keys, TTL } from '#core/keys.ts'
import { type Command, type RedisPort, scored } from '#core/redis.ts'
import { announce, type Change, type Counts } from '#core/timeline/index.ts'
import type { Database } from '#drizzle/database.ts'
import { storeCounts, type UnstoredCounts } from '#drizzle/queries/engagement.ts'
import {
  type CounterState,
  foldShards,
  markDirty,
  readCounters,
  renewCounters,
  setCounters,
  settle,
} from './counters.ts'
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
  /** No recount is begun after so long: what is left comes with the next roll, before which the lease is renewed. */
  recountForMs: 2_000,
  /** A post that failed waits so long, and twice as long each time, up to a limit. */
  retryMs: 1_000,
  longestRetryMs: 30_000,
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
  /** Told of the posts whose counts could not be brought up to date in this roll. */
  onFailures?: (failed: readonly Failed[]) => void
}

export interface Failed {
  postId: Id
  error: unknown
}

export interface RollUp {
  /** One roll. @returns how many posts were looked at; 0 also when another process holds the lease */
  tick(): Promise<{ rolled: number; recounted: number }>
}

interface Rolled extends Counts {
  postId: Id
  former: Counts | null
}

/** What one process remembers from roll to roll, as long as it is the one that rolls. All of it is of posts that are dirty. */
interface Memory {
  /** When each was last recounted. */
  recountedMs: Map<Id, number>
  /** Those that failed: how often, and from when on they are tried again. */
  failing: Map<Id, { times: number; againMs: number }>
  lastRollMs: number
}

export function createRollUp(needs: RollUpNeeds): RollUp {
  const memory: Memory = { recountedMs: new Map(), failing: new Map(), lastRollMs: 0 }
  return {
    async tick() {
      const { redis, owner } = needs
      if (await holdLease({ redis, owner, job: 'counts', leaseMs: ROLL_UP.leaseMs })) return roll(needs, memory)
      // Whoever rolls now settles posts without telling.
      memory.recountedMs.clear()
      memory.failing.clear()
      return { rolled: 0, recounted: 0 }
    },
  }
}

async function roll(needs: RollUpNeeds, memory: Memory): Promise<{ rolled: number; recounted: number }> {
  const startedMs = needs.clock()
  const { recent, quiet } = await findDirty(needs, memory, startedMs)
  const isDue = ([postId]: Dirty) => (memory.failing.get(postId)?.againMs ?? startedMs) <= startedMs
  const { rolled, unknown } = await rollMoved(needs, memory, recent.filter(isDue))
  const unwritten = await publish(needs, rolled)
  const settled = quiet.filter(isDue)
  const wanted = [
    ...unknown.map((postId) => ({ postId, isQuiet: false })),
    ...settled.map(([postId]) => ({ postId, isQuiet: true })),
  ]
  const { recounted, failed } = await recountAll(needs, memory, wanted, startedMs + ROLL_UP.recountForMs)
  const failures = [...unwritten, ...failed, ...(await publish(needs, recounted))]
  const hasFailed = new Set(failures.map(({ postId }) => postId))
  const whole = new Set(
    [...rolled, ...recounted].map(({ postId }) => postId).filter((postId) => !hasFailed.has(postId)),
  )
  await settleAll(
    needs,
    memory,
    settled.filter(([postId]) => whole.has(postId)),
  )
  await putBack(needs, memory, failures)
  for (const postId of whole) memory.failing.delete(postId)
  // A roll that was cut off is continued by the next one. What was put back may stand in the future.
  const last = recent.at(-1)
  const isCutOff = last !== undefined && recent.length === ROLL_UP.postsPerRoll
  memory.lastRollMs = isCutOff ? Math.min(startedMs, last[1] + ROLL_UP.overlapMs) : startedMs
  return { rolled: rolled.length, recounted: recounted.length }
}

type Dirty = [postId: Id, ms: number]

/** Posts that moved since the last roll, and those that have been quiet for long enough. */
async function findDirty({ redis }: RollUpNeeds, { lastRollMs }: Memory, nowMs: number) {
  const quietBefore = nowMs - ROLL_UP.quietMs
  const [recent, quiet] = await redis.pipeline([
    dirtyBetween(Math.max(lastRollMs - ROLL_UP.overlapMs, quietBefore + 1), '+inf', ROLL_UP.postsPerRoll),
    dirtyBetween('-inf', quietBefore, ROLL_UP.recountsPerRoll),
  ])
  return { recent: scored(recent), quiet: scored(quiet) }
}

/** Sums counters up; `unknown` are the posts that only the store can tell the counts of, or should tell again. */
async function rollMoved({ redis, clock }: RollUpNeeds, { recountedMs }: Memory, moved: readonly Dirty[]) {
  const states = await readCounters(
    redis,
    moved.map(([postId]) => postId),
  )
  const rolled: Rolled[] = []
  const unknown: Id[] = []
  moved.forEach(([postId], i) => {
    const counted = readRolled(postId, states[i] ?? UNKNOWN)
    const lastMs = recountedMs.get(postId) ?? clock()
    if (!recountedMs.has(postId)) recountedMs.set(postId, lastMs)
    if (counted === null || clock() - lastMs >= ROLL_UP.hotRecountMs) unknown.push(postId)
    else rolled.push(counted)
  })
  return { rolled, unknown }
}

interface Wanted {
  postId: Id
  isQuiet: boolean
}

/** Recounts a few side by side, each for itself, and begins none after the deadline. */
async function recountAll(needs: RollUpNeeds, memory: Memory, wanted: readonly Wanted[], deadlineMs: number) {
  const recounted: Rolled[] = []
  const failed: Failed[] = []
  const waiting = wanted.values()
  const inTurn = async () => {
    for (const one of waiting) {
      try {
        recounted.push(await recount(needs, memory, one))
      } catch (error) {
        failed.push({ postId: one.postId, error })
      }
      if (needs.clock() >= deadlineMs) return
    }
  }
  await Promise.all(Array.from({ length: ROLL_UP.parallelRecounts }, inTurn))
  return { recounted, failed }
}

async function recount(needs: RollUpNeeds, memory: Memory, { postId, isQuiet }: Wanted): Promise<Rolled> {
  const { redis, store, clock } = needs
  const [{ likes, comments, former } = UNKNOWN] = await readCounters(redis, [postId])
  const truth = await store.count(postId)
  const drift = Math.abs(truth.likes - (likes ?? 0)) + Math.abs(truth.comments - (comments ?? 0))
  // A post's first likes come with no counter to drift from.
  needs.onRecount?.(former === null ? 0 : drift)
  const isSpread = await foldShards(redis, postId, isQuiet)
  if (isSpread || drift > 0 || likes === null || comments === null) await redis.pipeline(setCounters(postId, truth))
  memory.recountedMs.set(postId, clock())
  return { postId, ...truth, former }
}

/** Takes what was recounted and told out of the dirty set, unless it has moved since. */
async function settleAll({ redis }: RollUpNeeds, { recountedMs }: Memory, settled: readonly Dirty[]): Promise<void> {
  await redis.pipeline(settled.map(([postId, ms]) => settle(postId, ms)))
  for (const [postId] of settled) recountedMs.delete(postId)
}

/** Later in the set of what is dirty, behind the others: so that those which fail again and again fill no roll. */
async function putBack({ redis, clock, onFailures }: RollUpNeeds, { failing }: Memory, failures: readonly Failed[]) {
  if (failures.length === 0) return
  const nowMs = clock()
  const delays = failures.map(({ postId }) => {
    const times = (failing.get(postId)?.times ?? 0) + 1
    return { postId, times, delayMs: Math.min(ROLL_UP.retryMs * 2 ** (times - 1), ROLL_UP.longestRetryMs) }
  })
  await redis.pipeline(delays.map(({ postId, delayMs }) => markDirty(postId, nowMs + delayMs - ROLL_UP.quietMs)))
  for (const { postId, times, delayMs } of delays) failing.set(postId, { times, againMs: nowMs + delayMs })
  onFailures?.(failures)
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

/**
 * Postgres first: what the delta announces must not be older in a row that is read on a miss.
 * @returns the posts whose database did not take their counts; nothing is announced of them
 */
async function publish({ posts, redis, clock }: RollUpNeeds, all: readonly Rolled[]): Promise<Failed[]> {
  const moved = all.filter((r) => r.former?.likes !== r.likes || r.former.comments !== r.comments)
  if (moved.length === 0) return []
  const failed = await storeRows(posts, moved)
  const failedPosts = new Set(failed.map(({ postId }) => postId))
  const changed = moved.filter(({ postId }) => !failedPosts.has(postId))
  const change = (postId: Id, counts: Counts): Change => ({ kind: 'counts', post: postId, ...pick(counts) })
  const former = changed.flatMap((r) => (r.former === null ? [] : [change(r.postId, r.former)]))
  await redis.pipeline([
    // The counters first: whatever is cut off, they live on for longer than the counts that say they can be believed.
    ...changed.flatMap(({ postId }) => renewCounters(postId)),
    ...changed.map((r): Command => ['SET', keys.counts(r.postId), `${r.likes}:${r.comments}`, 'EX', TTL.counts]),
    ...announce(
      changed.map((r) => change(r.postId, r)),
      clock(),
      former,
    ),
  ])
  return failed
}

async function storeRows(posts: Database, moved: readonly Rolled[]): Promise<Failed[]> {
  const counts = moved.map(({ postId, likes, comments }) => ({ postId, likes, comments }))
  try {
    const unstored = await posts.query<UnstoredCounts>(storeCounts(counts))
    return unstored.map(({ post_id, failure }) => ({ postId: post_id, error: failure }))
  } catch (error) {
    return moved.map(({ postId }) => ({ postId, error }))
  }
}

const pick = ({ likes, comments }: Counts): Counts => ({ likes, comments })
