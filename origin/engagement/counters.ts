/**
 * Counters in Redis: one shard a post for likes and one for comments, and the set of posts whose counts may differ from the
 * store. A post enters that set beside the write to the store and again after it, and leaves it only once it has been
 * recounted, so that no kill, lost reply or repeated event leaves a count wrong for good.
 */
import type { Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { type Command, RedisAwayError, type Reply } from '#core/redis.ts'

export interface CountMove {
  postId: Id
  likes: number
  comments: number
}

/** Marks a post as moved at an instant; an earlier instant does not take a later one back. */
export const markDirty = (postId: Id, ms: number): Command => ['ZADD', keys.dirtyCounts(), 'GT', ms, postId]

/** What a write that applied does to the counters. */
export function moveCounts({ postId, likes, comments }: CountMove, ms: number): Command[] {
  return [
    ...(likes === 0 ? [] : [['INCRBY', keys.likeShard(postId, 0), likes] as const]),
    ...(comments === 0 ? [] : [['INCRBY', keys.commentShard(postId, 0), comments] as const]),
    markDirty(postId, ms),
  ]
}

/** Removes a post from the dirty set unless it has moved since. */
export const settle = (postId: Id, ms: number): Command => [
  'EVAL',
  `if redis.call('ZSCORE', KEYS[1], ARGV[1]) == ARGV[2] then return redis.call('ZREM', KEYS[1], ARGV[1]) end return 0`,
  1,
  keys.dirtyCounts(),
  postId,
  String(ms),
]

/** Counters are derived: with Redis away a write still counts, since its event marks the post when Redis is back. */
export async function unlessAway(replies: Promise<Reply[]>): Promise<Reply[]> {
  return replies.catch((error: unknown) => {
    if (error instanceof RedisAwayError) return []
    throw error
  })
}
