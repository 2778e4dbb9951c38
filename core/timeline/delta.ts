/**
 * delta: what changed lately and concerns every isolate: counts, deletions, celebrities' posts, profiles, ended sessions. An
 * isolate reads it about once a second along with a feed's pipeline, so its cached posts are at most two seconds behind.
 * A sorted set scored by the writer's milliseconds; readers overlap, since writers' clocks differ a little.
 */
import { type Id, parseId } from '../ids.ts'
import { keys, TTL } from '../keys.ts'
import { type Command, type Reply, scored } from '../redis.ts'

export type Change =
  | { kind: 'counts'; post: Id; likes: number; comments: number }
  | { kind: 'deleted'; post: Id }
  | { kind: 'celebrity-post'; author: Id; post: Id }
  | { kind: 'user'; user: Id }
  /** Ended: access tokens of it count no more. */
  | { kind: 'session'; session: string }

/** How far a reader looks back behind the newest change it has seen: clocks differ, writes are on their way. */
export const DELTA_OVERLAP_MS = 5_000

function member(change: Change): string {
  switch (change.kind) {
    case 'counts':
      return `c:${change.post}:${change.likes}:${change.comments}`
    case 'deleted':
      return `d:${change.post}`
    case 'celebrity-post':
      return `p:${change.author}:${change.post}`
    case 'user':
      return `u:${change.user}`
    case 'session':
      return `s:${change.session}`
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

function parseMember(text: string): Change | null {
  const [kind, first = '', second = '', third = ''] = text.split(':')
  if (kind === 's') return UUID.test(first) ? { kind: 'session', session: first } : null
  if (parseId(first) === null) return null
  switch (kind) {
    case 'c':
      return { kind: 'counts', post: first, likes: Number(second), comments: Number(third) }
    case 'd':
      return { kind: 'deleted', post: first }
    case 'p':
      return { kind: 'celebrity-post', author: first, post: second }
    case 'u':
      return { kind: 'user', user: first }
    default:
      return null
  }
}

/**
 * Announces changes and forgets what is older than the retention. `former` are changes that these replace (the count
 * that a post had before), so that one post is one member.
 */
export function announce(changes: readonly Change[], nowMs: number, former: readonly Change[] = []): Command[] {
  if (changes.length === 0) return []
  const key = keys.delta()
  const stale = former.map(member)
  return [
    ...(stale.length > 0 ? [['ZREM', key, ...stale] as Command] : []),
    ['ZADD', key, ...changes.flatMap((change) => [nowMs, member(change)])],
    ['ZREMRANGEBYSCORE', key, '-inf', nowMs - TTL.delta * 1000],
    ['EXPIRE', key, TTL.delta],
  ]
}

/** The changes since an instant, oldest first. */
export const readDelta = (sinceMs: number): Command => [
  'ZRANGE',
  keys.delta(),
  sinceMs - DELTA_OVERLAP_MS,
  '+inf',
  'BYSCORE',
  'WITHSCORES',
]

export interface Delta {
  changes: Change[]
  /** Milliseconds of the newest change; `since` of the next read. */
  newestMs: number
}

/** Members of a kind this version does not know are passed over. */
export function parseDelta(reply: Reply | undefined, sinceMs: number): Delta {
  const changes: Change[] = []
  let newestMs = sinceMs
  for (const [text, ms] of scored(reply)) {
    const change = parseMember(text)
    if (change !== null) changes.push(change)
    if (ms > newestMs) newestMs = ms
  }
  return { changes, newestMs }
}
