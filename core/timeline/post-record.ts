/** post:text:<id>, user:<id> and counts:<id>: what hydration reads. */
import { flatText } from '../flat-text.ts'
import type { Id } from '../ids.ts'
import { keys, longestLife, spreadLife, TTL } from '../keys.ts'
import { type Command, hash, type Reply } from '../redis.ts'
import { type Counts, DELETED, type PostRecord, packPost } from './packed-post.ts'

export interface UserRecord {
  id: Id
  username: string
  displayName: string
  avatar: string | null
  isPrivate: boolean
}

/**
 * Writes a person's hash unless what stands there is newer: what was read before a change may arrive after it (rule 17).
 * KEYS: the hash. ARGV: version, fields and values.
 */
const WRITE_NEWER_SCRIPT = `
if tonumber(redis.call('HGET', KEYS[1], 'version') or '0') > tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[1], unpack(ARGV, 2))
return 1`

/** Leaves nothing of an older hash but the version that it must not come back below. KEYS: the hash. ARGV: version, seconds. */
const FORGET_OLDER_SCRIPT = `
if tonumber(redis.call('HGET', KEYS[1], 'version') or '0') >= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'version', ARGV[1])
return redis.call('EXPIRE', KEYS[1], ARGV[2])`

/**
 * Writes a post's text unless what stands there is newer, or deleted (rule 17). KEYS: the post. ARGV: version, text, seconds.
 */
const WRITE_POST_SCRIPT = `
local known = redis.call('GET', KEYS[1])
if known == '${DELETED}' then return 0 end
if known and tonumber(string.match(known, '^%d+') or 0) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'EX', ARGV[3])
return 1`

/**
 * Writes a post where nothing newer stands. The counts are those of the moment; counts:<id> is newer wherever it exists.
 */
export function writePost(post: PostRecord, counts: Counts = { likes: 0, comments: 0 }): Command[] {
  const life = spreadLife(TTL.post, post.id)
  return [['EVAL', WRITE_POST_SCRIPT, 1, keys.post(post.id), post.version, packPost(post, counts), life]]
}

/** Leaves a tombstone for as long as a stale text could live. */
export function writeDeletedPost(post: Id): Command[] {
  return [['SET', keys.post(post), DELETED, 'EX', longestLife(TTL.post)]]
}

/**
 * Posts at the places of their ids, at least one: one command, since a hundred cost Redis a quarter more. The keys spread over a
 * cluster's nodes: the gateway reads them there.
 */
export const readPosts = (posts: readonly Id[]): Command => ['MGET', ...posts.map(keys.post)]

export const readPost = (post: Id): Command => ['GET', keys.post(post)]

/**
 * Writes a person where nothing newer stands.
 * @param version of the row that the record was read from
 */
export function writeUser(user: UserRecord, version: number): Command[] {
  const key = keys.user(user.id)
  return [
    [
      'EVAL',
      WRITE_NEWER_SCRIPT,
      1,
      key,
      version,
      'username',
      user.username,
      'display_name',
      user.displayName,
      'avatar',
      user.avatar ?? '',
      'is_private',
      user.isPrivate ? 1 : 0,
    ],
    ['EXPIRE', key, spreadLife(TTL.user, user.id)],
  ]
}

/**
 * A person has changed: what Redis holds of older versions goes, and whoever has read it before cannot put it back for as
 * long as it could live.
 * @param version of the row after the change
 */
export function forgetUser(user: Id, version: number): Command {
  return ['EVAL', FORGET_OLDER_SCRIPT, 1, keys.user(user), version, longestLife(TTL.user)]
}

export const readUser = (user: Id): Command => ['HGETALL', keys.user(user)]

export function parseUser(id: Id, reply: Reply | undefined): UserRecord | null {
  const fields = hash(reply)
  if (fields?.username === undefined) return null
  return {
    // Readers' isolates keep people for long: the id may be a piece of a post's text.
    id: flatText(id),
    username: fields.username,
    displayName: fields.display_name ?? '',
    avatar: fields.avatar ? fields.avatar : null,
    isPrivate: fields.is_private === '1',
  }
}

/**
 * Counts of posts, at least one: one command, since a hundred of a byte or two each would be half of what a feed asks for. The
 * keys spread over a cluster's nodes: the gateway reads them there, no node answers this by itself.
 */
export const readCounts = (posts: readonly Id[]): Command => ['MGET', ...posts.map(keys.counts)]

/** Counts of one post from its rolled-up key; null when there is none yet. */
export function parseCounts(reply: Reply | undefined): Counts | null {
  if (typeof reply !== 'string') return null
  const colon = reply.indexOf(':')
  if (colon < 0) return null
  return { likes: Number(reply.slice(0, colon)), comments: Number(reply.slice(colon + 1)) }
}
