/**
 * A reader's pushed timeline as Redis commands: timeline:{u}, a sorted set of post ids scored by their milliseconds.
 *
 * The member `~` is the mark. Its score is the floor: every pushed post of a followed author with ms ≥ floor is present.
 * Without the mark the timeline is cold: whatever it holds is incomplete and readers pull for themselves. Raising a floor
 * is always safe; only a rebuild may set one. Rules 1, 2 and 13 of docs/correctness.md.
 */
import type { FanoutPolicy } from '../fanout-policy.ts'
import { compareIds, firstIdAt, type Id, idMs } from '../ids.ts'
import { keys, MARK, TTL } from '../keys.ts'
import { type Command, type Reply, strings } from '../redis.ts'

/** A post's place in a timeline. */
export interface Entry {
  id: Id
  /** Milliseconds of the id: the score. */
  ms: number
}

export interface TimelineRead {
  /** Score of the mark; null when cold. Everything pushed with ms ≥ floor is in the timeline. */
  floor: number | null
  /** Newest first, none below the floor. */
  ids: Id[]
  /** True when they reach down to the floor: below it, pages come from Postgres. */
  reachedFloor: boolean
}

/**
 * Commands of one read: the mark, the newest `n` members, the mark again, and a longer life, which reads alone may give.
 * Others may write between two commands of a pipeline: a mark set after the members were read would call a cold timeline
 * whole, one raised before would not be known. Scores are not asked for: an id says its own, and they would be half of
 * the reply.
 */
export function readTimeline(user: Id, n: number): Command[] {
  return readMembers(user, ['ZRANGE', keys.timeline(user), 0, n - 1, 'REV'])
}

/** The next `n` members at or below `ms`, for the pages after the first. */
export function readTimelineBelow(user: Id, ms: number, n: number): Command[] {
  return readMembers(user, ['ZRANGE', keys.timeline(user), ms, '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, n])
}

function readMembers(user: Id, members: Command): Command[] {
  const key = keys.timeline(user)
  const mark: Command = ['ZSCORE', key, MARK]
  return [mark, members, mark, ['EXPIRE', key, TTL.timeline]]
}

/** How many replies `readTimeline` and `readTimelineBelow` have. */
export const TIMELINE_REPLIES = 4

/**
 * Reads the replies of `readTimeline` or `readTimelineBelow`, asked for `n` members. The floor is the higher of the two
 * marks between which the members were read; one that is missing before or after is no floor. Members that end without a
 * mark among them are cold (or, for `readTimelineBelow`, below a floor that has risen): Postgres knows.
 */
export function parseTimeline([before, members, after]: readonly Reply[], n: number): TimelineRead {
  const all = strings(members)
  const isMarked = (before ?? null) !== null && (after ?? null) !== null
  if (!isMarked || (all.length < n && !all.includes(MARK))) return { floor: null, ids: [], reachedFloor: false }
  const floor = Math.max(Number(before), Number(after))
  const lowest = firstIdAt(floor)
  const ids: Id[] = []
  // The mark sorts before the posts of its own millisecond: only what lies below it says that all of those were read.
  let reachedFloor = all.length < n
  for (const member of all) {
    if (member === MARK) continue
    if (member.charCodeAt(0) === PLACEHOLDER_CODE || compareIds(member, lowest) < 0) reachedFloor = true
    else ids.push(member)
  }
  return { floor, ids, reachedFloor }
}

/** Which of these readers have a timeline at all. */
export function timelinesExist(users: readonly Id[]): Command[] {
  return users.map((user) => ['EXISTS', keys.timeline(user)])
}

/** A reader whose timeline is there. */
export interface LivingReader {
  user: Id
  /** Milliseconds that the timeline still lives; -1: without an end. */
  lifeMs: number
}

/** PTTL's answer for a key that is not there. */
const ABSENT = -2

/** How long these readers' timelines live: the first pipeline of a push. */
export function timelineLives(users: readonly Id[]): Command[] {
  return users.map((user) => ['PTTL', keys.timeline(user)])
}

/** Reads the replies of `timelineLives`. Inactive readers are left out: a push ends here for them, and writes nothing. */
export function livingAmong(users: readonly Id[], replies: readonly Reply[]): LivingReader[] {
  return users.flatMap((user, i) => {
    const lifeMs = Number(replies[i] ?? ABSENT)
    return lifeMs === ABSENT ? [] : [{ user, lifeMs }]
  })
}

/**
 * Milliseconds: what lives longer does not expire between the two pipelines of a push. Far above the time that one may
 * take, and above a rebuild's placeholder.
 */
const SURE_TO_LIVE_MS = 120_000

/**
 * Adds one post to timelines that live: the second pipeline of a push. A key that dies between the two comes back without
 * its mark: cold, harmless. It has an end then if its end was near; if not, somebody deleted it, and it is given one by
 * the next push or read. So most readers cost one command here.
 */
export function pushToLiving(readers: readonly LivingReader[], post: Id): Command[] {
  const ms = idMs(post)
  return readers.flatMap(({ user, lifeMs }): Command[] => {
    const key = keys.timeline(user)
    const push: Command = ['ZADD', key, ms, post]
    return lifeMs < SURE_TO_LIVE_MS ? [push, ['EXPIRE', key, TTL.timeline, 'NX']] : [push]
  })
}

/** Adds one post to timelines of which nothing is known. Two commands a reader, in the order given. */
export function pushPost(users: readonly Id[], post: Id): Command[] {
  const ms = idMs(post)
  return users.flatMap((user): Command[] => {
    const key = keys.timeline(user)
    return [
      ['ZADD', key, ms, post],
      ['EXPIRE', key, TTL.timeline, 'NX'],
    ]
  })
}

/** Adds several posts to one timeline: the backfill of a follow, the repair of a demoted author. */
export function addPosts(user: Id, entries: readonly Entry[]): Command[] {
  if (entries.length === 0) return []
  const key = keys.timeline(user)
  return [
    ['ZADD', key, ...entries.flatMap((entry) => [entry.ms, entry.id])],
    ['EXPIRE', key, TTL.timeline, 'NX'],
  ]
}

/** Takes posts out of one timeline: the purge after an unfollow, a block or a delete. */
export function removePosts(user: Id, posts: readonly Id[]): Command[] {
  return posts.length === 0 ? [] : [['ZREM', keys.timeline(user), ...posts]]
}

/** All members of one timeline, for a purge that must not miss any. */
export function readTimelineMembers(user: Id): Command {
  return ['ZRANGE', keys.timeline(user), 0, -1]
}

/** The post ids among a timeline's members. */
export function postsAmong(members: Reply | undefined): Id[] {
  return strings(members).filter((member) => member !== MARK && member.charCodeAt(0) !== PLACEHOLDER_CODE)
}

export function readFloor(user: Id): Command {
  return ['ZSCORE', keys.timeline(user), MARK]
}

export function timelineLength(user: Id): Command {
  return ['ZCARD', keys.timeline(user)]
}

/**
 * Drops a push to a protected reader without losing it silently: a raised version, so a rebuild that runs now starts
 * over, and no mark, so the next read pulls and rebuilds. In this order: a rebuild may close between the two.
 */
export function shedPush(user: Id): Command[] {
  return [
    ['INCR', keys.graph(user)],
    ['ZREM', keys.timeline(user), MARK],
  ]
}

/** Raises a marked timeline's floor; a cold one stays cold. */
export function raiseFloor(user: Id, ms: number): Command {
  return ['ZADD', keys.timeline(user), 'XX', 'GT', ms, MARK]
}

/** The character that rebuild placeholders start with; ids start with a digit. */
export const PLACEHOLDER = '?'
const PLACEHOLDER_CODE = PLACEHOLDER.charCodeAt(0)

/**
 * If marked, raises the mark to the score of the `keep`-th newest member and removes what is below; placeholders (score
 * 0) stay. KEYS: a timeline or an author's list. ARGV: keep. One script, because a mark raised without the removal (or
 * the reverse) would lie to a reader in between.
 */
const TRIM_SCRIPT = `
local mark = redis.call('ZSCORE', KEYS[1], '~')
if not mark then return 0 end
local last = redis.call('ZREVRANGE', KEYS[1], ARGV[1] - 1, ARGV[1] - 1, 'WITHSCORES')
if #last == 0 or tonumber(last[2]) <= tonumber(mark) then return 0 end
redis.call('ZADD', KEYS[1], 'XX', last[2], '~')
return redis.call('ZREMRANGEBYSCORE', KEYS[1], '(0', '(' .. last[2])`

/** Cuts a timeline back to the policy's length. */
export function trimTimeline(user: Id, policy: Pick<FanoutPolicy, 'timelineLength'>): Command {
  return trimSortedSet(keys.timeline(user), policy.timelineLength)
}

/** Cuts a marked sorted set (a timeline, an author's list) back to its newest `keep` members. */
export function trimSortedSet(key: string, keep: number): Command {
  return ['EVAL', TRIM_SCRIPT, 1, key, keep]
}
