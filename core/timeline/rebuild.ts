/**
 * The cold rebuild of a timeline, without losing what is pushed meanwhile (docs/correctness.md, rule 3):
 * lay a placeholder so that pushes land, read the graph's version, then the posts from the Postgres primary, then write
 * all in one script that does nothing if the version moved or the placeholder died.
 */
import type { Id } from '../ids.ts'
import { keys, TTL } from '../keys.ts'
import type { Command, Reply } from '../redis.ts'
import { type Entry, PLACEHOLDER } from './timeline.ts'

/** What a rebuild read before the posts; it must still hold when they are written. */
export interface RebuildTicket {
  user: Id
  /** The placeholder's member, this rebuild's own. */
  placeholder: string
  /** graph:{u} as it stood; empty when it never moved. */
  version: string
}

/** Posts of everyone that a reader follows (and the reader's own), newest first, read from the primary. */
export interface FollowedPosts {
  entries: Entry[]
  /** True when there are no older ones. */
  complete: boolean
}

/** Commands that open a rebuild. `token` must be this rebuild's own. */
export function openRebuild(user: Id, token: string): Command[] {
  const key = keys.timeline(user)
  return [
    ['ZADD', key, 0, PLACEHOLDER + token],
    ['EXPIRE', key, TTL.rebuildPlaceholder, 'NX'],
    ['GET', keys.graph(user)],
  ]
}

/**
 * Takes the turn to rebuild: 'OK' for one alone. Whoever has not got it pulls a page for itself, and leaves the rest to the other
 * (docs/correctness.md, rule 3): no correctness rests on it, it only saves Postgres the same question at the same time.
 */
export const takeTurn = (user: Id, token: string): Command => [
  'SET',
  keys.rebuild(user),
  token,
  'NX',
  'EX',
  TTL.rebuildTurn,
]

/** Gives it back, also when nothing was written: the next reader tries again. One who comes late may end another's, harmlessly. */
export const endTurn = (user: Id): Command => ['DEL', keys.rebuild(user)]

/** Takes away the placeholder of a rebuild that is left to another. */
export const abandonRebuild = ({ user, placeholder }: RebuildTicket): Command => [
  'ZREM',
  keys.timeline(user),
  placeholder,
]

/** Reads the replies of `openRebuild`. */
export function rebuildTicket(user: Id, token: string, replies: readonly Reply[]): RebuildTicket {
  return { user, placeholder: PLACEHOLDER + token, version: String(replies[2] ?? '') }
}

/**
 * KEYS: timeline, graph. ARGV: placeholder, version, floor, life in seconds, then score, id, score, id …
 * Answers 1 when the timeline is marked, 0 when the world moved on and nothing was written.
 */
const CLOSE_SCRIPT = `
local current = redis.call('GET', KEYS[2]) or ''
local standing = redis.call('ZSCORE', KEYS[1], ARGV[1])
if current ~= ARGV[2] or not standing then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return 0
end
for i = 5, #ARGV, 400 do
  redis.call('ZADD', KEYS[1], unpack(ARGV, i, math.min(i + 399, #ARGV)))
end
redis.call('ZREM', KEYS[1], ARGV[1])
local mark = redis.call('ZSCORE', KEYS[1], '~')
local floor = tonumber(ARGV[3])
if mark and tonumber(mark) > floor then floor = tonumber(mark) end
redis.call('ZADD', KEYS[1], string.format('%.0f', floor), '~')
redis.call('EXPIRE', KEYS[1], ARGV[4])
return 1`

/** The command that closes a rebuild: all or nothing. */
export function closeRebuild(ticket: RebuildTicket, posts: FollowedPosts): Command {
  const pairs = posts.entries.flatMap((entry) => [entry.ms, entry.id])
  return [
    'EVAL',
    CLOSE_SCRIPT,
    2,
    keys.timeline(ticket.user),
    keys.graph(ticket.user),
    ticket.placeholder,
    ticket.version,
    floorOf(posts),
    TTL.timeline,
    ...pairs,
  ]
}

/**
 * The lowest millisecond from which a list is whole. A list that was cut may lack posts of its oldest millisecond, so
 * that one does not count.
 */
export function floorOf(posts: FollowedPosts): number {
  const oldest = posts.entries.at(-1)
  return posts.complete || oldest === undefined ? 0 : oldest.ms + 1
}
