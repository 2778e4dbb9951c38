/** One author whose posts are pushed: from the 201 to the last follower's timeline. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { keySlot } from '#core/redis-slots.ts'
import type { OriginRedis } from '../../origin/redis/index.ts'
import { median } from '../median.ts'
import { type Account, publish, type Stage } from './stage.ts'
import { readTotals, type Stages, stagesBetween } from './stages.ts'
import { until } from './until.ts'

export const WARM_UPS = 10
export const POSTS = 30
/** Between two posts. */
const PAUSE_MS = 50

export interface SizeFigures {
  followers: number
  /** Median, fastest and slowest of the posts. */
  acceptedToLastMs: number
  fastestMs: number
  slowestMs: number
  stages: Stages
}

export async function measurePush(stage: Stage, author: Account, followers: readonly Id[]): Promise<SizeFigures> {
  const last = lastOfPages(stage.redis, followers)
  const times: number[] = []
  const metrics = () => readTotals(stage.origin.url, stage.origin.token)
  let before = await metrics()
  for (let i = 0; i < WARM_UPS + POSTS; i++) {
    if (i === WARM_UPS) before = await metrics()
    const { id, at } = await publish(stage, author, `post ${i}`)
    await untilPushed(stage.redis, last, id)
    if (i >= WARM_UPS) times.push(performance.now() - at)
    if (i === WARM_UPS + POSTS - 1) await expectEverywhere(stage.redis, followers, id)
    await delay(PAUSE_MS)
  }
  return {
    followers: followers.length,
    acceptedToLastMs: rounded(median(times)),
    fastestMs: rounded(Math.min(...times)),
    slowestMs: rounded(Math.max(...times)),
    stages: stagesBetween(before, await metrics()),
  }
}

/**
 * A page is one pipeline in the order of its followers, in a cluster one to each master: where the last ones have the post, the
 * page is through. Masters are told apart by their lowest slots, as they stand in a cluster that was never resharded.
 */
function lastOfPages(redis: OriginRedis, followers: readonly Id[]): Id[] {
  const lowest = redis.masters().map(({ slot }) => slot ?? 0)
  const last = new Map<string, Id>()
  for (const [i, follower] of followers.entries()) {
    const slot = keySlot(keys.timeline(follower))
    const master = Math.max(...lowest.filter((low) => low <= slot))
    last.set(`${Math.floor(i / 1_000)}:${master}`, follower)
  }
  return [...last.values()]
}

async function untilPushed(redis: OriginRedis, readers: readonly Id[], post: Id): Promise<void> {
  // Who has it keeps it: looking again would only take time from those who still wait.
  let waiting = readers
  await until(async () => {
    const scores = await redis.pipeline(waiting.map((reader) => ['ZSCORE', keys.timeline(reader), post]))
    waiting = waiting.filter((_, i) => scores[i] === null)
    return waiting.length === 0
  }, 'the post did not reach every timeline')
}

export async function countWith(redis: OriginRedis, readers: readonly Id[], post: Id): Promise<number> {
  const scores = await redis.pipeline(readers.map((reader) => ['ZSCORE', keys.timeline(reader), post]))
  return scores.filter((score) => score !== null).length
}

async function expectEverywhere(redis: OriginRedis, readers: readonly Id[], post: Id): Promise<void> {
  const found = await countWith(redis, readers, post)
  if (found !== readers.length) throw new Error(`the post is in ${found} of ${readers.length} timelines`)
}

export const rounded = (ms: number) => Number(ms.toFixed(1))
