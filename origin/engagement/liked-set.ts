/**
 * liked:{u}: the posts that a person likes, newest 5,000, for feeds to look into without asking the store. `~` carries the
 * floor: every like from there on is in the set. Without `~` the set says nothing; a `?<token>` beside marks a rebuild.
 * unliked:{u} remembers for a while what was taken back, so that an older like that comes later finds a newer removal.
 */
import type { Id } from '#core/ids.ts'
import { keys, SENTINEL, TTL } from '#core/keys.ts'
import { type Command, integer, type RedisPort, type Reply } from '#core/redis.ts'
import { type EngagementStore, type LikeState, tappedAt } from './store.ts'

/** Newest likes kept: a feed page seldom shows an older one. */
export const LIKED_LENGTH = 5_000

/** Trimming is amortised: only a set this long pays for it. */
const LIKED_TRIM_AT = 5_500

const REBUILD_TRIES = 3

/** Removals remembered of a person: as many as nobody takes back in the minutes that they are remembered for. */
const UNLIKED_LENGTH = 1_000

/** KEYS: liked, unliked. ARGV: instant of the like, post. */
const LIKE = `
if redis.call('EXISTS', KEYS[1]) == 0 then return end
local removed = redis.call('ZSCORE', KEYS[2], ARGV[2])
if removed and tonumber(removed) >= tonumber(ARGV[1]) then return end
redis.call('ZADD', KEYS[1], 'GT', ARGV[1], ARGV[2])
if redis.call('ZCARD', KEYS[1]) <= ${LIKED_TRIM_AT} or not redis.call('ZSCORE', KEYS[1], '${SENTINEL}') then return end
local oldest = redis.call('ZRANGE', KEYS[1], -${LIKED_LENGTH}, -${LIKED_LENGTH}, 'WITHSCORES')
redis.call('ZADD', KEYS[1], oldest[2], '${SENTINEL}')
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. oldest[2])`

/** KEYS: liked, unliked. ARGV: instant of the removal, post. Noted also where no set stands: one may be on its way. */
const UNLIKE = `
redis.call('ZADD', KEYS[2], 'GT', ARGV[1], ARGV[2])
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -${UNLIKED_LENGTH + 1})
redis.call('EXPIRE', KEYS[2], ${TTL.unliked})
local liked = redis.call('ZSCORE', KEYS[1], ARGV[2])
if liked and tonumber(liked) <= tonumber(ARGV[1]) then redis.call('ZREM', KEYS[1], ARGV[2]) end`

/** KEYS: liked, unliked. ARGV: placeholder, floor, then score and member of each like. */
const FINISH = `
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
if redis.call('ZSCORE', KEYS[1], '${SENTINEL}') then return 1 end
local noted = redis.call('ZRANGE', KEYS[2], 0, -1, 'WITHSCORES')
local removed = {}
for i = 1, #noted, 2 do removed[noted[i]] = tonumber(noted[i + 1]) end
for i = 3, #ARGV, 2 do
  local since = removed[ARGV[i + 1]]
  if not since or since < tonumber(ARGV[i]) then redis.call('ZADD', KEYS[1], 'GT', ARGV[i], ARGV[i + 1]) end
end
redis.call('ZADD', KEYS[1], ARGV[2], '${SENTINEL}')
redis.call('PERSIST', KEYS[1])
return 1`

/**
 * Brings one post's membership to the state of its row, unless something newer came before. Call it after the row is written:
 * a rebuild that begins later reads the row, one that has begun is met by the key that it made, or reads what is noted.
 */
export async function reflectLike(redis: RedisPort, userId: Id, postId: Id, row: LikeState): Promise<void> {
  await redis.pipeline([
    row.state === 'unliked' ? reflectRemoval(userId, postId, row.version) : script(LIKE, userId, row.at, postId),
  ])
}

/**
 * Takes a post out and notes that it was. Of a row's history a removal is older than every run of likes that began after it:
 * the instant at which a run began, which is a member's score, tells which is newer. It is true however late.
 * @param version the one that the removal was applied with
 */
export const reflectRemoval = (userId: Id, postId: Id, version: number): Command =>
  script(UNLIKE, userId, tappedAt(version), postId)

const script = (text: string, userId: Id, ...rest: (string | number)[]): Command => [
  ...['EVAL', text, 2, keys.liked(userId), keys.unliked(userId)],
  ...rest,
]

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
 * Whether the set says what the event of a like says, or there is none to say anything: nothing to repair then, and no need to
 * ask the store. A set that is being rebuilt has no `~` and says nothing yet.
 */
export function agrees([exists, sentinel, score]: readonly Reply[], at: number): boolean {
  if (integer(exists) === 0) return true
  return sentinel !== null && score !== null && Number(score) === at
}

/**
 * Builds the set from the store unless it stands.
 * @param token tells this rebuild from others of the same person
 * @returns false when each try was lost, its key expired or forgotten; the next reader tries again
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
    const [done] = await redis.pipeline([script(FINISH, userId, placeholder, floor, ...pairs)])
    if (integer(done) === 1) return true
  }
  return false
}
