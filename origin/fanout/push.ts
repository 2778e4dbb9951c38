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
import type { Lanes } from './lanes.ts'
import type { Load } from './load.ts'
import type { FanoutStore } from './store.ts'

export interface PushNeeds {
  store: Pick<FanoutStore, 'hotReaders'>
  redis: RedisPort
  policy: FanoutPolicy
  random: Random
  lanes: Lanes
  load(): Load
}

export interface PushResult {
  pushed: number
  /** Readers without a timeline: not here for a day, and not written. */
  inactive: number
  shed: number
}

/** One push in this many looks at how long the timeline has grown, so trimming costs each push next to nothing. */
const LENGTH_SAMPLE = 64

/**
 * @param size `small` for all followers of a small author, who take no turn; `page` for some of a large one's. Hot readers come
 *   last in pages only: whoever waited for that in a small author's handler would hold up all that lies behind it in the log.
 */
export async function pushToPage(
  needs: PushNeeds,
  followers: readonly Id[],
  post: Id,
  size: 'small' | 'page',
): Promise<PushResult> {
  if (followers.length === 0) return { pushed: 0, inactive: 0, shed: 0 }
  const found = needs.load()
  const load = size === 'small' && found === 'busy' ? 'calm' : found
  const most = () => pushToMost(needs, followers, post, load)
  const { living, hot } = await (size === 'small' ? most() : needs.lanes.run('page', most))
  if (load === 'busy' && hot.length > 0) await needs.lanes.run('hot', () => write(needs, hot, post, []))
  const shed = load === 'overloaded' ? hot.length : 0
  return { pushed: living - shed, inactive: followers.length - living, shed }
}

/** Pushes to all but the hot readers, who are shed at once or left to the caller. */
async function pushToMost(
  needs: PushNeeds,
  followers: readonly Id[],
  post: Id,
  load: Load,
): Promise<{ living: number; hot: LivingReader[] }> {
  const living = livingAmong(followers, await needs.redis.pipeline(timelineLives(followers)))
  const names = load === 'calm' ? new Set<Id>() : await hotAmong(needs, living)
  const hot = living.filter(({ user }) => names.has(user))
  const readers = hot.length === 0 ? living : living.filter(({ user }) => !names.has(user))
  await write(needs, readers, post, load === 'overloaded' ? hot : [])
  return { living: living.length, hot }
}

async function hotAmong({ store, policy }: PushNeeds, living: readonly LivingReader[]): Promise<ReadonlySet<Id>> {
  const users = living.map(({ user }) => user)
  return users.length === 0 ? new Set() : store.hotReaders(users, policy.hotReaderFollows)
}

async function write(
  needs: PushNeeds,
  readers: readonly LivingReader[],
  post: Id,
  shed: readonly LivingReader[],
): Promise<void> {
  const sampled = readers.filter(() => needs.random() * LENGTH_SAMPLE < 1).map(({ user }) => user)
  const commands: Command[] = [
    ...pushToLiving(readers, post),
    ...shed.flatMap(({ user }) => shedPush(user)),
    ...sampled.map(timelineLength),
  ]
  if (commands.length === 0) return
  const replies = await needs.redis.pipeline(commands)
  await trimLong(needs, sampled, replies.slice(replies.length - sampled.length).map(Number))
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

/** Takes a deleted post out of a page of followers' timelines, when nothing else is to do. */
export async function removeFromPage(
  { redis, lanes }: Pick<PushNeeds, 'redis' | 'lanes'>,
  followers: readonly Id[],
  post: Id,
): Promise<void> {
  if (followers.length === 0) return
  await lanes.run('purge', () => redis.pipeline(followers.flatMap((follower) => removePosts(follower, [post]))))
}
