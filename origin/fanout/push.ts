/** One page of followers: PTTL for all, then ZADD for those whose timeline lives, and EXPIRE NX where its end is near. */
import type { FanoutPolicy } from '#core/fanout-policy.ts'
import type { Id, Random } from '#core/ids.ts'
import type { Command, RedisPort } from '#core/redis.ts'
import {
  type LivingReader,
  livingAmong,
  pushToLiving,
  removePosts,
  shedPush,
  timelineLength,
  timelineLives,
  trimTimeline,
} from '#core/timeline/index.ts'
import type { FanoutStore } from './store.ts'

export interface PushNeeds {
  store: Pick<FanoutStore, 'hotReaders'>
  redis: RedisPort
  policy: FanoutPolicy
  random: Random
  /** True while fan-out is behind: readers who follow very many accounts then pull for themselves. */
  underLoad(): boolean
}

export interface PushResult {
  pushed: number
  /** Readers without a timeline: not here for a day, and not written. */
  inactive: number
  shed: number
}

/** One push in this many looks at how long the timeline has grown, so trimming costs each push next to nothing. */
const LENGTH_SAMPLE = 64

export async function pushToPage(needs: PushNeeds, followers: readonly Id[], post: Id): Promise<PushResult> {
  if (followers.length === 0) return { pushed: 0, inactive: 0, shed: 0 }
  const { redis } = needs
  const living = livingAmong(followers, await redis.pipeline(timelineLives(followers)))
  const hot = await hotAmong(needs, living)
  const readers = hot.size === 0 ? living : living.filter(({ user }) => !hot.has(user))
  const sampled = readers.filter(() => needs.random() * LENGTH_SAMPLE < 1).map(({ user }) => user)
  const commands: Command[] = [
    ...pushToLiving(readers, post),
    ...[...hot].flatMap(shedPush),
    ...sampled.map(timelineLength),
  ]
  if (commands.length > 0) {
    const replies = await redis.pipeline(commands)
    await trimLong(needs, sampled, replies.slice(replies.length - sampled.length).map(Number))
  }
  return { pushed: readers.length, inactive: followers.length - living.length, shed: hot.size }
}

async function hotAmong(
  { store, policy, underLoad }: PushNeeds,
  living: readonly LivingReader[],
): Promise<ReadonlySet<Id>> {
  if (living.length === 0 || !underLoad()) return new Set()
  return store.hotReaders(
    living.map(({ user }) => user),
    policy.hotReaderFollows,
  )
}

async function trimLong(
  { redis, policy }: PushNeeds,
  readers: readonly Id[],
  lengths: readonly number[],
): Promise<void> {
  const trims = readers
    .filter((_, i) => (lengths[i] ?? 0) > policy.timelineTrimAt)
    .map((reader) => trimTimeline(reader, policy))
  if (trims.length > 0) await redis.pipeline(trims)
}

/** Takes a deleted post out of a page of followers' timelines. */
export async function removeFromPage(redis: RedisPort, followers: readonly Id[], post: Id): Promise<void> {
  if (followers.length > 0) await redis.pipeline(followers.flatMap((follower) => removePosts(follower, [post])))
}
