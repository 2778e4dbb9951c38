/**
 * liked:{u}: the posts that a person likes, newest 5,000, for feeds to look into without asking the store. `~` carries the
 * floor: every like from there on is in the set. Without `~` the set says nothing; a `?<token>` beside marks a rebuild.
 */
import type { Id } from '#core/ids.ts'
import { keys, SENTINEL, TTL } from '#core/keys.ts'
import { type Command, integer, type RedisPort, type Reply } from '#core/redis.ts'
import type { EngagementStore, LikeState } from './store.ts'

/** Newest likes kept: a feed page seldom shows an older one. */
export const LIKED_LENGTH = 5_000

/** Trimming is amortised: only a set this long pays for the script. */
const LIKED_TRIM_AT = 5_500

const REBUILD_TRIES = 3

const TRIM = `
if not redis.call('ZSCORE', KEYS[1], '${SENTINEL}') then return 0 end
local oldest = redis.call('ZRANGE', KEYS[1], -${LIKED_LENGTH}, -${LIKED_LENGTH}, 'WITHSCORES')
if #oldest == 0 then return 0 end
redis.call('ZADD', KEYS[1], oldest[2], '${SENTINEL}')
return redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. oldest[2])`

/** ARGV: placeholder, floor, then score and member of each like. */
const FINISH = `
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
if redis.call('ZSCORE', KEYS[1], '${SENTINEL}') then return 1 end
for i = 3, #ARGV, 2 do redis.call('ZADD', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('ZADD', KEYS[1], ARGV[2], '${SENTINEL}')
redis.call('PERSIST', KEYS[1])
return 1`

/**
 * Brings one post's membership to the state of its row. Call it after the row is written: a rebuild that begins later
 * reads the row, one that has begun is met by the key that it made.
 */
export async function reflectLike(redis: RedisPort, userId: Id, postId: Id, row: LikeState): Promise<void> {
  const key = keys.liked(userId)
  if (row.state === 'unliked') {
    const [, floor] = await redis.pipeline([
      ['ZREM', key, postId],
      ['ZSCORE', key, SENTINEL],
    ])
    // A rebuild may have read the row before it changed: take its placeholder away, and it starts over.
    if (floor === null) await redis.pipeline([['DEL', key]])
    return
  }
  const [exists] = await redis.pipeline([['EXISTS', key]])
  if (integer(exists) === 0) return
  const [, size] = await redis.pipeline([
    ['ZADD', key, row.at, postId],
    ['ZCARD', key],
  ])
  if (integer(size) > LIKED_TRIM_AT) await redis.pipeline([['EVAL', TRIM, 1, key]])
}

/** What a person's set says of a post; for `agrees`. */
export function askLikedSet(userId: Id, postId: Id): Command[] {
  const key = keys.liked(userId)
  return [
    ['EXISTS', key],
    ['ZSCORE', key, SENTINEL],
    ['ZSCORE', key, postId],
  ]
}

/**
 * Whether the set says what an event says, or there is none to say anything: nothing to repair then, and no need to ask the
 * store. A set that is being rebuilt has no `~` and says nothing yet.
 */
export function agrees([exists, sentinel, score]: readonly Reply[], said: Omit<LikeState, 'version'>): boolean {
  if (integer(exists) === 0) return true
  if (sentinel === null) return false
  return said.state === 'liked' ? score !== null && Number(score) === said.at : score === null
}

/**
 * Builds the set from the store unless it stands.
 * @param token tells this rebuild from others of the same person
 * @returns false when likes were taken back throughout; the next reader tries again
 */
export async function rebuildLiked(
  redis: RedisPort,
  store: EngagementStore,
  userId: Id,
  token: string,
): Promise<boolean> {
  const key = keys.liked(userId)
  const placeholder = `?${token}`
  for (let attempt = 0; attempt < REBUILD_TRIES; attempt++) {
    const [standing] = await redis.pipeline([['ZSCORE', key, SENTINEL]])
    if (standing !== null) return true
    await redis.pipeline([
      ['ZADD', key, 0, placeholder],
      ['EXPIRE', key, TTL.rebuildPlaceholder],
    ])
    const likes = await store.likesBy(userId, LIKED_LENGTH)
    const oldest = likes.at(-1)
    // Others of the oldest one's millisecond may have been cut off.
    const floor = likes.length < LIKED_LENGTH || oldest === undefined ? 0 : oldest.at + 1
    const pairs = likes.flatMap(({ postId, at }) => [at, postId])
    const finish: Command = ['EVAL', FINISH, 1, key, placeholder, floor, ...pairs]
    const [done] = await redis.pipeline([finish])
    if (integer(done) === 1) return true
  }
  return false
}
