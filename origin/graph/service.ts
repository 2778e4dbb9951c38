/**
 * What a follow, an unfollow, a block and a mute mean for timelines (docs/correctness.md, rules 5 and 11). Everything
 * here may run twice and in any order: it acts on what stands in the database, not on what the event said.
 */
import type { EventData } from '#core/events.ts'
import type { FanoutPolicy } from '#core/fanout-policy.ts'
import { type Clock, firstIdAt, type Id } from '#core/ids.ts'
import type { RedisPort } from '#core/redis.ts'
import {
  type AuthorMode,
  addCelebrity,
  addPosts,
  announce,
  floorOf,
  forgetUser,
  graphVersion,
  type HiddenReason,
  postsAmong,
  raiseFloor,
  readFloor,
  readGraph,
  readTimelineMembers,
  reflectHidden,
  removeCelebrity,
  removePosts,
} from '#core/timeline/index.ts'
import type { DuePurge, GraphStore } from './store.ts'

export interface GraphNeeds {
  store: GraphStore
  redis: RedisPort
  policy: FanoutPolicy
  clock: Clock
  /** Told after every change of an author's followers: fan-out decides whether the author crosses the celebrity line. */
  onFollowers(author: Id, followerCount: number): Promise<void>
  /** Does what can wait when fan-out does not need Redis. */
  whenIdle<T>(work: () => Promise<T>): Promise<T>
}

export interface GraphService {
  followChanged(change: EventData<'follow.changed'>): Promise<void>
  blockChanged(change: EventData<'block.changed'>): Promise<void>
  /** Has Redis and isolates ask anew who somebody is, and above all whether the account is private. */
  personChanged(change: EventData<'user.changed'>): Promise<void>
  /** Runs the second purges that are due. Answers how many. */
  purgeDue(): Promise<number>
}

/** The graph moves with every follow and block of one person: more often than this in a row, the log's delay helps. */
const REFLECT_TRIES = 8
/** A second purge takes milliseconds; one that was not finished by then is given again. */
const PURGE_LEASE_MS = 60_000
/** Second purges in one turn at Redis: some milliseconds, or some seconds of a slow one. */
const PURGES_A_TURN = 4
/** And until somebody looks again whether the process is to end. */
const PURGES_A_ROUND = 100

export function graphService(needs: GraphNeeds): GraphService {
  const { store, redis, clock } = needs
  return {
    async followChanged(change) {
      const applied = await store.applyFollow(change)
      if (applied === null) return
      const { followerId, followeeId } = change
      await settle(needs, followerId, followeeId)
      await needs.onFollowers(followeeId, applied.followerCount)
    },

    async blockChanged({ userId, targetId, kind }) {
      if (kind === 'block') return settleBlock(needs, userId, targetId)
      await reflect(needs, userId, 'm', targetId, async () => (await store.relations(userId, targetId)).muted)
    },

    // The edge did so before it answered, unless Redis was away.
    async personChanged({ userId, version }) {
      // Nobody remembers an account that is new.
      if (version === 1) return
      await redis.pipeline([forgetUser(userId, version), ...announce([{ kind: 'user', user: userId }], clock())])
    },

    async purgeDue() {
      for (let done = 0; ; ) {
        const taken = await needs.whenIdle(() => purgeSome(needs))
        done += taken
        if (taken < PURGES_A_TURN || done >= PURGES_A_ROUND) return done
      }
    },
  }
}

/** Brings a reader's sets and timeline to whether the reader follows an author, as the edge's table says by now. */
async function settle(needs: GraphNeeds, reader: Id, author: Id): Promise<void> {
  const { store, policy } = needs
  let standing = await store.standing(reader, author)
  await reflect(needs, reader, 'u', author, async () => {
    standing = await store.standing(reader, author)
    return !standing.following
  })
  if (standing.following) return join(needs, reader, author, standing.mode)
  await purge(needs, reader, author)
  await store.schedulePurge(reader, author, policy.unfollowedForMs)
  // A follow made and handled meanwhile may have lost posts to the purge.
  if ((await store.standing(reader, author)).following) await settle(needs, reader, author)
}

/** Hides two people from each other, or no more, as the edge's table says by now. */
async function settleBlock(needs: GraphNeeds, user: Id, target: Id): Promise<void> {
  let isBlocked = false
  const blocked = async () => {
    isBlocked = (await needs.store.relations(user, target)).blocked
    return isBlocked
  }
  await reflect(needs, user, 'b', target, blocked)
  await reflect(needs, target, 'b', user, blocked)
  if (!isBlocked) return
  await purge(needs, user, target)
  await purge(needs, target, user)
}

/**
 * Brings one hidden entry to what the primary says at this moment. The edge writes it before it answers; here it is put
 * right where that write failed, and never undone where the edge has been told something newer: then the graph has
 * moved, and the primary is asked again.
 */
async function reflect(
  { redis }: GraphNeeds,
  user: Id,
  reason: HiddenReason,
  author: Id,
  isHidden: () => Promise<boolean>,
): Promise<void> {
  for (let attempt = 0; attempt < REFLECT_TRIES; attempt++) {
    const [version] = await redis.pipeline([readGraph(user)])
    const hidden = await isHidden()
    const [done] = await redis.pipeline([reflectHidden(user, reason, author, hidden, graphVersion(version))])
    if (done === 1) return
  }
  throw new Error('the graph moved faster than it could be read: the event comes again')
}

/** The inverse row stands and the graph is raised: now the author's posts join the reader's feed. */
async function join(needs: GraphNeeds, reader: Id, author: Id, mode: AuthorMode): Promise<void> {
  const commands = [readFloor(reader), ...(mode === 'push' ? [] : addCelebrity(reader, author))]
  const [floor] = await needs.redis.pipeline(commands)
  if (mode !== 'pull' && floor !== null && floor !== undefined) await backfill(needs, reader, author, Number(floor))
}

/** Posts of a new followee join the reader's timeline down to its floor, read from the primary after that floor. */
async function backfill({ store, redis, policy }: GraphNeeds, reader: Id, author: Id, floor: number): Promise<void> {
  const posts = await store.authorPosts(author, firstIdAt(floor), policy.timelineLength)
  const commands = addPosts(reader, posts.entries)
  if (!posts.complete) commands.push(raiseFloor(reader, floorOf(posts)))
  if (commands.length > 0) await redis.pipeline(commands)
}

/**
 * Takes an author out of a reader's celebrities, and all of the author's posts out of the timeline, a cold one too: a
 * rebuild would mark what is left in it.
 */
async function purge({ store, redis }: GraphNeeds, reader: Id, author: Id): Promise<void> {
  const [members] = await redis.pipeline([readTimelineMembers(reader)])
  const held = postsAmong(members)
  const posts = held.length === 0 ? [] : await store.postsBy(author, held)
  await redis.pipeline([removeCelebrity(reader, author), ...removePosts(reader, posts)])
}

/** Taken when the turn has come, so that what waits for one is nobody's and no lease runs out meanwhile. */
async function purgeSome(needs: GraphNeeds): Promise<number> {
  const due = await needs.store.takeDuePurges(PURGES_A_TURN, PURGE_LEASE_MS)
  for (const purge of due) await purgeAgain(needs, purge)
  return due.length
}

/**
 * The second purge: takes out what was pushed after the first, then lifts the hidden entry, unless the graph has moved
 * since the follow was looked at: the edge may have hidden the author anew. What is not finished comes again.
 */
async function purgeAgain(needs: GraphNeeds, due: DuePurge): Promise<void> {
  const { store, redis } = needs
  const { followerId: reader, followeeId: author } = due
  const [version] = await redis.pipeline([readGraph(reader)])
  const { following, ended } = await store.standing(reader, author)
  if (!following) {
    if (!ended) return
    await purge(needs, reader, author)
    const lift = reflectHidden(reader, 'u', author, false, graphVersion(version))
    const [lifted] = await redis.pipeline([lift])
    if (lifted !== 1) return
    const after = await store.standing(reader, author)
    if (after.following) await join(needs, reader, author, after.mode)
  }
  await store.finishPurge(due)
}
