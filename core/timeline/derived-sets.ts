/**
 * Sets derived from Postgres: hidden:{u} and celebs:{u}. Absent is not empty: each carries a sentinel, and without it
 * the set is unknown and rebuilt before use. A rebuild writes only while graph:{u} reads as it did before Postgres was
 * read; a writer commits, raises graph:{u}, then adds where the sentinel stands. So whichever comes last, nothing is lost.
 */
import type { Id } from '../ids.ts'
import { keys, SENTINEL, spreadLife, TTL } from '../keys.ts'
import { type Command, type Reply, strings } from '../redis.ts'

/** Why an author is not shown: b blocked or blocking, m muted, u unfollowed and not yet purged. */
export type HiddenReason = 'b' | 'm' | 'u'

export interface Hidden {
  /** Blocked or blocking, and muted: shown from no source. */
  everywhere: ReadonlySet<Id>
  /** Unfollowed: not shown as someone followed, though a recommendation may. */
  unfollowed: ReadonlySet<Id>
}

export interface Celebrities {
  authors: Id[]
  /** Unix milliseconds of the rebuild that made this set. */
  builtAt: number
}

export const readHidden = (user: Id): Command => ['SMEMBERS', keys.hidden(user)]
export const readCelebrities = (user: Id): Command => ['SMEMBERS', keys.celebs(user)]

/** Null when unknown: the set must be rebuilt before a page is served. */
export function parseHidden(reply: Reply | undefined): Hidden | null {
  const members = strings(reply)
  return members.includes(SENTINEL) ? hiddenOf(members) : null
}

/** Reads members of the form `<reason>:<author>`; the sentinel is passed over. */
export function hiddenOf(members: readonly string[]): Hidden {
  const everywhere = new Set<Id>()
  const unfollowed = new Set<Id>()
  for (const member of members) {
    if (member === SENTINEL) continue
    if (member.charCodeAt(0) === UNFOLLOWED_CODE) unfollowed.add(member.slice(2))
    else everywhere.add(member.slice(2))
  }
  return { everywhere, unfollowed }
}
const UNFOLLOWED_CODE = 'u'.charCodeAt(0)

/** Null when unknown, or older than `maxAgeMs`: that is how demoted authors leave the set. */
export function parseCelebrities(reply: Reply | undefined, nowMs: number, maxAgeMs: number): Celebrities | null {
  let builtAt = -1
  const authors: Id[] = []
  for (const member of strings(reply)) {
    if (member === SENTINEL) continue
    if (member.startsWith(SENTINEL)) builtAt = Math.max(builtAt, Number(member.slice(SENTINEL.length)) || 0)
    else authors.push(member)
  }
  return builtAt < 0 || nowMs - builtAt > maxAgeMs ? null : { authors, builtAt }
}

/** KEYS: set. ARGV: member. Adds only where the set is known. */
const ADD_SCRIPT = `
if redis.call('SISMEMBER', KEYS[1], '~') == 0 then return 0 end
return redis.call('SADD', KEYS[1], ARGV[1])`

const hiddenMember = (reason: HiddenReason, author: Id) => `${reason}:${author}`

/** Raises the version of a person's graph: rebuilds that began before start over. Always before a derived write. */
export const raiseGraph = (user: Id): Command => ['INCR', keys.graph(user)]

/** After the commit: raises the graph and hides the author, where the set is known. */
export function hide(user: Id, reason: HiddenReason, author: Id): Command[] {
  return [raiseGraph(user), ['EVAL', ADD_SCRIPT, 1, keys.hidden(user), hiddenMember(reason, author)]]
}

/** After the commit: raises the graph and shows the author again as far as this reason goes. */
export function unhide(user: Id, reason: HiddenReason, author: Id): Command[] {
  return [raiseGraph(user), ['SREM', keys.hidden(user), hiddenMember(reason, author)]]
}

/**
 * KEYS: graph, hidden. ARGV: version, member, 1 to hide or 0 to show. Does nothing if the graph has moved.
 */
const REFLECT_SCRIPT = `
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('INCR', KEYS[1])
if ARGV[3] == '0' then
  redis.call('SREM', KEYS[2], ARGV[2])
elseif redis.call('SISMEMBER', KEYS[2], '~') == 1 then
  redis.call('SADD', KEYS[2], ARGV[2])
end
return 1`

export const readGraph = (user: Id): Command => ['GET', keys.graph(user)]

/** Reads the reply of `readGraph`: empty when it never moved. */
export const graphVersion = (reply: Reply | undefined): string => String(reply ?? '')

/**
 * Makes an author hidden or shown as the primary said, if the graph still reads the version from before it was asked.
 * For consumers, whose news may be older than what the edge has written since: an unconditional change would undo it.
 * Answers 1 when it was done (the graph is raised then), 0 when the primary must be asked again.
 */
export function reflectHidden(user: Id, reason: HiddenReason, author: Id, hidden: boolean, version: string): Command {
  const member = hiddenMember(reason, author)
  return ['EVAL', REFLECT_SCRIPT, 2, keys.graph(user), keys.hidden(user), version, member, hidden ? 1 : 0]
}

/** After the inverse row stands, or in a crossing: raises the graph and merges this author, where the set is known. */
export function addCelebrity(user: Id, author: Id): Command[] {
  return [raiseGraph(user), ['EVAL', ADD_SCRIPT, 1, keys.celebs(user), author]]
}

/** After an unfollow, once the graph is raised: a celebrity left in the set would show again when the hidden entry goes. */
export const removeCelebrity = (user: Id, author: Id): Command => ['SREM', keys.celebs(user), author]

/** KEYS: set, graph. ARGV: version, life, members … Replaces the set if the graph still reads `version`. */
const REPLACE_SCRIPT = `
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
for i = 3, #ARGV, 400 do
  redis.call('SADD', KEYS[1], unpack(ARGV, i, math.min(i + 399, #ARGV)))
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1`

function replaceSet(user: Id, key: string, version: string, members: readonly string[]): Command {
  return ['EVAL', REPLACE_SCRIPT, 2, key, keys.graph(user), version, spreadLife(TTL.reader, user), SENTINEL, ...members]
}

export interface HiddenEntry {
  reason: HiddenReason
  author: Id
}

/** An entry as a member of hidden:{u}. */
export const hiddenEntry = ({ reason, author }: HiddenEntry): string => hiddenMember(reason, author)

/** Writes hidden:{u} as the primary knew it, if the graph still reads the version from before it was asked. */
export const replaceHidden = (user: Id, version: string, entries: readonly HiddenEntry[]): Command =>
  replaceSet(user, keys.hidden(user), version, entries.map(hiddenEntry))

/**
 * KEYS: set, graph. ARGV: version, life, instant before which a set is too old, members … United with
 * the set that stands, unless that is too old.
 */
const UNITE_SCRIPT = `
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
local made = 0
for _, member in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if string.sub(member, 1, 1) == '~' then made = math.max(made, tonumber(string.sub(member, 2)) or 0) end
end
if made < tonumber(ARGV[3]) then redis.call('DEL', KEYS[1]) end
for i = 4, #ARGV, 400 do
  redis.call('SADD', KEYS[1], unpack(ARGV, i, math.min(i + 399, #ARGV)))
end
redis.call('EXPIRE', KEYS[1], ARGV[2])
return 1`

/**
 * Writes celebs:{u} under the same condition, with the instant of its making. The graph does not move when an author crosses the
 * line, so of two rebuilds at once the later to write may be the earlier to have read: an author too many costs a merge,
 * one too few would take posts away that were seen already.
 */
export function uniteCelebrities(
  user: Id,
  version: string,
  made: { atMs: number; maxAgeMs: number },
  authors: readonly Id[],
): Command {
  const members = [SENTINEL, SENTINEL + made.atMs, ...authors]
  const keyed = [keys.celebs(user), keys.graph(user)]
  return [
    'EVAL',
    UNITE_SCRIPT,
    2,
    ...keyed,
    version,
    spreadLife(TTL.reader, user),
    made.atMs - made.maxAgeMs,
    ...members,
  ]
}
