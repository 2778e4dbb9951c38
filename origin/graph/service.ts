/**
 * What a follow, an unfollow, a block and a mute mean for timelines (docs/correctness.md, rules 5 and 11). Everything
 * here may run twice and in any order: it acts on what stands in the database, not on what the event said.
 */
import type { EventData } from '#core/events.ts'
import type { FanoutPolicy } from '#core/fanout-policy.ts'
import { firstIdAt, type Id } from '#core/ids.ts'
import type { RedisPort } from '#core/redis.ts'
import {
  addCelebrity,
  addPosts,
  floorOf,
  hide,
  raiseFloor,
  readFloor,
  removePosts,
  unhide,
} from '#core/timeline/index.ts'
import type { GraphStore } from './store.ts'

export interface GraphNeeds {
  store: GraphStore
  redis: RedisPort
  policy: FanoutPolicy
  /** Told after every change of an author's followers: fan-out decides whether the author crosses the celebrity line. */
  onFollowers(author: Id, followerCount: number): Promise<void>
}

export interface GraphService {
  followChanged(change: EventData<'follow.changed'>): Promise<void>
  blockChanged(change: EventData<'block.changed'>): Promise<void>
  /** Runs the second purges that are due. Answers how many. */
  purgeDue(): Promise<number>
}

export function graphService({ store, redis, policy, onFollowers }: GraphNeeds): GraphService {
  /** Posts of a new followee join the reader's timeline down to its floor, read from the primary after that floor. */
  async function backfill(reader: Id, author: Id, floor: number): Promise<void> {
    const posts = await store.authorPosts(author, firstIdAt(floor), policy.timelineLength)
    const commands = addPosts(reader, posts.entries)
    if (!posts.complete) commands.push(raiseFloor(reader, floorOf(posts)))
    if (commands.length > 0) await redis.pipeline(commands)
  }

  async function followed(reader: Id, author: Id, mode: 'push' | 'both' | 'pull'): Promise<void> {
    const replies = await redis.pipeline([
      ...unhide(reader, 'u', author),
      readFloor(reader),
      ...(mode === 'push' ? [] : addCelebrity(reader, author)),
    ])
    const floor = replies[2]
    if (mode !== 'pull' && floor !== null && floor !== undefined) await backfill(reader, author, Number(floor))
  }

  async function purge(reader: Id, author: Id): Promise<void> {
    const [floor] = await redis.pipeline([readFloor(reader)])
    const from = firstIdAt(floor === null ? 0 : Number(floor))
    const posts = await store.authorPosts(author, from, policy.timelineTrimAt)
    const commands = removePosts(
      reader,
      posts.entries.map((entry) => entry.id),
    )
    if (commands.length > 0) await redis.pipeline(commands)
  }

  async function unfollowed(reader: Id, author: Id): Promise<void> {
    await redis.pipeline(hide(reader, 'u', author))
    await purge(reader, author)
    await store.schedulePurge(reader, author, policy.unfollowedForMs)
  }

  /**
   * The second purge: takes out what was pushed after the first, then lifts the hidden entry. A follow or another
   * unfollow may come in between, so the database is asked again afterwards and the last word put back.
   */
  async function purgeAgain(reader: Id, author: Id): Promise<void> {
    const before = await store.standing(reader, author)
    if (before.following) return
    await purge(reader, author)
    await redis.pipeline(unhide(reader, 'u', author))
    const after = await store.standing(reader, author)
    if (after.following) await followed(reader, author, after.mode)
    else if (after.purgeScheduled) await redis.pipeline(hide(reader, 'u', author))
  }

  return {
    async followChanged(change) {
      const applied = await store.applyFollow(change)
      if (applied === null) return
      const { followerId, followeeId } = change
      if (applied.state === 'active') await followed(followerId, followeeId, applied.mode)
      else if (applied.state === 'removed') await unfollowed(followerId, followeeId)
      await onFollowers(followeeId, applied.followerCount)
    },

    async blockChanged({ userId, targetId, kind }) {
      const { blocked, muted } = await store.relations(userId, targetId)
      if (kind === 'mute') {
        await redis.pipeline(muted ? hide(userId, 'm', targetId) : unhide(userId, 'm', targetId))
      } else if (blocked) {
        await redis.pipeline([...hide(userId, 'b', targetId), ...hide(targetId, 'b', userId)])
        await purge(userId, targetId)
        await purge(targetId, userId)
      } else {
        await redis.pipeline([...unhide(userId, 'b', targetId), ...unhide(targetId, 'b', userId)])
      }
    },

    async purgeDue() {
      const due = await store.takeDuePurges(100)
      for (const { followerId, followeeId } of due) await purgeAgain(followerId, followeeId)
      return due.length
    },
  }
}
