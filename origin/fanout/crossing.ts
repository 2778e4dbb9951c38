/**
 * Crossing the celebrity line (docs/correctness.md, rule 12): push → both → pull, and back pull → both → push. In *both*
 * posts are pushed and pulled, and readers see each once. The order is what keeps every post in sight: the registry (`author_modes`) says
 * *both*; an event among the author's own posts says so; when fan-out has consumed it, every post made before has been
 * handled the old way, and the repair starts; then the registry and a second event say the new mode. The repair goes as messages
 * of its own, each for a page of followers and followed by the next: no post waits behind it, and a crash costs one page.
 */
import { type EventData, makeEvent, type TidelineEvent } from '#core/events.ts'
import type { FanoutPolicy } from '#core/fanout-policy.ts'
import type { Clock, Id, Random } from '#core/ids.ts'
import type { Command, RedisPort, Reply } from '#core/redis.ts'
import {
  type AuthorMode,
  addCelebrity,
  addPosts,
  type FollowedPosts,
  floorOf,
  raiseFloor,
  raiseGraph,
  readFloor,
  rebuildAuthorList,
  timelinesExist,
} from '#core/timeline/index.ts'
import type { Lanes } from './lanes.ts'
import type { FanoutStore } from './store.ts'

/** Timelines that get up to 800 posts each in one pipeline: some tens of milliseconds of Redis, between which others have theirs. */
const TIMELINES_AT_ONCE = 50

export interface CrossingNeeds {
  store: FanoutStore
  redis: RedisPort
  policy: FanoutPolicy
  clock: Clock
  random: Random
  lanes: Lanes
  publish(events: readonly TidelineEvent[]): Promise<void>
  /** Carries what lies in the outbox to the log now, rather than at the sweeper's next round. */
  flushOutbox(): Promise<void>
}

export interface Crossing {
  /** Decides whether an author with this many followers starts to cross. */
  consider(author: Id, followerCount: number): Promise<void>
  /** Consumes a change of mode from the author's own partition. */
  modeChanged(change: EventData<'celebrity.changed'>): Promise<void>
  /** Repairs one page of followers; after the last one the author has crossed. */
  page(page: EventData<'crossing.page'>): Promise<void>
}

export function crossing(needs: CrossingNeeds): Crossing {
  const { store, policy } = needs
  return {
    async consider(author, followerCount) {
      if (followerCount < policy.ordinaryBelow) {
        const { mode } = await store.mode(author)
        if (mode === 'pull') await change(needs, author, { from: 'pull', to: 'both', up: false })
      } else if (followerCount >= policy.celebrityAt) {
        const { mode } = await store.mode(author)
        if (mode === 'push') await change(needs, author, { from: 'push', to: 'both', up: true })
      }
    },

    async modeChanged({ userId, mode, up, version }) {
      await store.applyMode(userId, mode, version)
      const now = await store.mode(userId)
      if (mode === 'both' && now.version === version) await publishPage(needs, { userId, up, version, after: '0' })
    },

    async page({ userId, up, version, after }) {
      const now = await store.mode(userId)
      // Of a crossing that is over: the page had come before.
      if (now.mode !== 'both' || now.version !== version) return
      const followers = await store.followers(userId, after, policy.followersPerPage)
      if (up) await mergeForFollowers(needs, userId, followers, after === '0')
      else await pushToFollowers(needs, userId, followers)
      const last = followers.length < policy.followersPerPage ? undefined : followers.at(-1)
      if (last !== undefined) await publishPage(needs, { userId, up, version, after: last })
      else await change(needs, userId, { from: 'both', to: up ? 'pull' : 'push', up })
    },
  }
}

async function change(
  needs: CrossingNeeds,
  author: Id,
  { from, to, up }: { from: AuthorMode; to: AuthorMode; up: boolean },
): Promise<void> {
  const { store, clock, random } = needs
  const data = { userId: author, mode: to, up, version: 0 }
  const event = makeEvent({ type: 'celebrity.changed', key: author, actor: null, data }, clock, random)
  if (!(await store.changeMode(author, from, to, event))) return
  await needs.flushOutbox()
}

/** Each with a key of its own: where it lies, it holds up no other crossing. */
async function publishPage(needs: CrossingNeeds, page: EventData<'crossing.page'>): Promise<void> {
  const { publish, clock, random } = needs
  const { userId, version, after } = page
  const id = `crossing.page:${userId}:${version}:${after}`
  const key = `${userId}:${after}`
  await publish([makeEvent({ type: 'crossing.page', key, actor: null, data: page, id }, clock, random)])
}

/** Upwards: every follower's celebs set names the author. A set that is not known is rebuilt from the registry. */
async function mergeForFollowers(
  { store, redis, policy, lanes }: CrossingNeeds,
  author: Id,
  followers: readonly Id[],
  isFirst: boolean,
): Promise<void> {
  if (isFirst) {
    await rebuildAuthorList(author, { redis, authorPosts: (a) => store.authorPosts(a, policy.authorLength) })
  }
  const commands = followers.flatMap((follower) => addCelebrity(follower, author))
  if (commands.length > 0) await lanes.run('purge', () => redis.pipeline(commands))
}

/** The floors of these timelines; those that are being rebuilt are made to start over, or have closed just before. */
async function settledFloors(redis: RedisPort, followers: readonly Id[]): Promise<Reply[]> {
  const replies = await redis.pipeline([...followers.map(readFloor), ...timelinesExist(followers)])
  const floors = replies.slice(0, followers.length)
  const rebuilding = followers.filter((_, i) => floors[i] === null && replies[followers.length + i] === 1)
  if (rebuilding.length === 0) return floors
  const again = await redis.pipeline(rebuilding.flatMap((reader) => [raiseGraph(reader), readFloor(reader)]))
  const closed = new Map(rebuilding.map((reader, i) => [reader, again[2 * i + 1] ?? null]))
  return followers.map((reader, i) => closed.get(reader) ?? floors[i] ?? null)
}

/**
 * Downwards: every follower's timeline holds the author's posts down to its floor. One that is being rebuilt has no
 * floor to lay them down to and may lack a post that was pulled only: the raised graph makes that rebuild start over.
 */
async function pushToFollowers(
  { store, redis, policy, lanes }: CrossingNeeds,
  author: Id,
  followers: readonly Id[],
): Promise<void> {
  if (followers.length === 0) return
  const floors = await lanes.run('purge', () => settledFloors(redis, followers))
  const posts = await store.authorPosts(author, policy.timelineLength)
  for (let from = 0; from < followers.length; from += TIMELINES_AT_ONCE) {
    const commands = followers.slice(from, from + TIMELINES_AT_ONCE).flatMap((follower, i) => {
      const floor = floors[from + i]
      return floor === null || floor === undefined ? [] : lay(follower, posts, Number(floor))
    })
    if (commands.length > 0) await lanes.run('purge', () => redis.pipeline(commands))
  }
}

/** Adds an author's posts to one timeline down to its floor; if there are more than were read, the floor rises. */
function lay(reader: Id, posts: FollowedPosts, floor: number): Command[] {
  const entries = posts.entries.filter((entry) => entry.ms >= floor)
  const cut = entries.length === posts.entries.length && !posts.complete
  return [...addPosts(reader, entries), ...(cut ? [raiseFloor(reader, floorOf(posts))] : [])]
}
