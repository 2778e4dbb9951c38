/** post:<id>, user:<id> and counts:<id>: what hydration reads, as hashes of text. */
import type { Id } from '../ids.ts'
import { keys, longestLife, spreadLife, TTL } from '../keys.ts'
import { type Command, hash, type Reply } from '../redis.ts'

/** One photo or video of a post, as stored in posts.media_urls. */
export interface PostMedia {
  mediaId: Id
  type: 'image' | 'video'
  key: string
  width: number
  height: number
  alt: string
  blur: string | null
  playlist?: string
}

/** The part of a post that does not change with who looks, nor with likes. */
export interface PostRecord {
  id: Id
  userId: Id
  caption: string
  media: PostMedia[]
  hashtags: string[]
  version: number
  /** A post that waits for its video is its author's alone. */
  awaitsMedia: boolean
}

export interface UserRecord {
  id: Id
  username: string
  displayName: string
  avatar: string | null
  isPrivate: boolean
}

export interface Counts {
  likes: number
  comments: number
}

/** A post that is known to be gone. */
export const DELETED = 'deleted'

/**
 * Writes a hash unless what stands there is newer, or deleted: what was read before a change may arrive after it (rule 17).
 * KEYS: the hash. ARGV: version, fields and values.
 */
const WRITE_NEWER_SCRIPT = `
if redis.call('HEXISTS', KEYS[1], '${DELETED}') == 1 then return 0 end
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
 * Writes a post where nothing newer stands. The counts are those of the moment; counts:<id> is newer wherever it exists.
 */
export function writePost(post: PostRecord, counts: Counts = { likes: 0, comments: 0 }): Command[] {
  const key = keys.post(post.id)
  return [
    [
      'EVAL',
      WRITE_NEWER_SCRIPT,
      1,
      key,
      post.version,
      'user_id',
      post.userId,
      'state',
      post.awaitsMedia ? 'awaiting' : 'visible',
      PACKED,
      pack(post, counts),
    ],
    ['EXPIRE', key, spreadLife(TTL.post, post.id)],
  ]
}

/** Leaves a tombstone for as long as a stale hash could live. */
export function writeDeletedPost(post: Id): Command[] {
  const key = keys.post(post)
  return [
    ['DEL', key],
    ['HSET', key, DELETED, 1, PACKED, DELETED],
    ['EXPIRE', key, longestLife(TTL.post)],
  ]
}

/**
 * The field that says all of a post in one text: a feed may read a hundred posts, and nine fields each were most of what
 * Redis, the gateway and the Worker did for a cold one. Beside it stand, by name, the version, which the script compares, and
 * what says whether somebody may act on the post (workers/api/data/standing.ts).
 */
const PACKED = 'packed'

/** A medium by its places: names and their quotes would be a third of the text. */
type PackedMedia = readonly [
  mediaId: Id,
  type: PostMedia['type'],
  key: string,
  width: number,
  height: number,
  alt: string,
  blur: string | null,
  playlist: string | null,
]

type Packed = readonly [
  userId: Id,
  caption: string,
  media: PackedMedia[],
  hashtags: string[],
  version: number,
  awaitsMedia: 0 | 1,
  likes: number,
  comments: number,
]

function pack(
  { userId, caption, media, hashtags, version, awaitsMedia }: PostRecord,
  { likes, comments }: Counts,
): string {
  const packed: Packed = [
    userId,
    caption,
    media.map(packMedia),
    hashtags,
    version,
    awaitsMedia ? 1 : 0,
    likes,
    comments,
  ]
  return JSON.stringify(packed)
}

const packMedia = ({ mediaId, type, key, width, height, alt, blur, playlist }: PostMedia): PackedMedia => [
  mediaId,
  type,
  key,
  width,
  height,
  alt,
  blur,
  playlist ?? null,
]

const unpackMedia = ([mediaId, type, key, width, height, alt, blur, playlist]: PackedMedia): PostMedia => {
  const image = { mediaId, type, key, width, height, alt, blur }
  return playlist === null ? image : { ...image, playlist }
}

export const readPost = (post: Id): Command => ['HGET', keys.post(post), PACKED]

/** Null: not in Redis, Postgres knows. 'deleted': gone, nobody needs to ask. */
export function parsePost(
  id: Id,
  reply: Reply | undefined,
): { post: PostRecord; counts: Counts } | typeof DELETED | null {
  if (reply === DELETED) return DELETED
  if (typeof reply !== 'string') return null
  const [userId, caption, media, hashtags, version, awaiting, likes, comments] = JSON.parse(reply) as Packed
  const post = { id, userId, caption, media: media.map(unpackMedia), hashtags, version, awaitsMedia: awaiting === 1 }
  return { post, counts: { likes, comments } }
}

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
    id,
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
