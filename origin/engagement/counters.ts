/**
 * Counters in Redis: one shard a quiet post for likes and one for comments, a hundred a hot one, and the set of posts whose
 * counts may differ from the store. A post enters that set beside the write to the store and again after it, and leaves it
 * only once it has been recounted, so that no kill, lost reply or repeated event leaves a count wrong for good.
 */
import type { Id } from '#core/ids.ts'
import { keys, TTL } from '#core/keys.ts'
import { type Command, integer, type RedisPort, type Reply } from '#core/redis.ts'
import { type Counts, parseCounts } from '#core/timeline/index.ts'
import { type CounterShard, SHARDS } from './counter-shards.ts'

export interface CountMove {
  postId: Id
  likes: number
  comments: number
}

/** Marks a post as moved at an instant; an earlier instant does not take a later one back. */
export const markDirty = (postId: Id, ms: number): Command => ['ZADD', keys.dirtyCounts(), 'GT', ms, postId]

/** What writes that applied do to the counters. */
export function moveCounts({ postId, likes, comments }: CountMove, ms: number, to: CounterShard): Command[] {
  return [
    ...(to.announce ? [['SADD', keys.spreadCounts(), postId] as const] : []),
    ...(likes === 0 ? [] : [['INCRBY', keys.likeShard(postId, to.shard), likes] as const]),
    ...(comments === 0 ? [] : [['INCRBY', keys.commentShard(postId, to.shard), comments] as const]),
    markDirty(postId, ms),
  ]
}

export interface CounterState {
  /** Null: Redis knows no counter of this post, or one that is none. */
  likes: number | null
  comments: number | null
  /** As they were rolled up last. */
  former: Counts | null
}

/** The counters of posts, summed over their shards: one round trip to know which are spread, one for the counters. */
export async function readCounters(redis: RedisPort, postIds: readonly Id[]): Promise<CounterState[]> {
  if (postIds.length === 0) return []
  const [flags] = await redis.pipeline([['SMISMEMBER', keys.spreadCounts(), ...postIds]])
  const shardsOf = postIds.map((_, i) => (Array.isArray(flags) && flags[i] === 1 ? SHARDS.count : 1))
  const replies = await redis.pipeline(
    postIds.flatMap((postId, i) => [
      ...shardKeys(keys.likeShard, postId, shardsOf[i]).map(readText),
      ...shardKeys(keys.commentShard, postId, shardsOf[i]).map(readText),
      readText(keys.counts(postId)),
    ]),
  )
  let next = 0
  const take = (wanted: number) => {
    next += wanted
    return replies.slice(next - wanted, next)
  }
  return shardsOf.map((shards) => {
    const [likes, comments] = [sum(take(shards)), sum(take(shards))]
    return { likes, comments, former: parseCounts(textOf(take(1)[0])) }
  })
}

/**
 * A string; null where the key is missing, or of another type. GET would be refused then, and with it all other posts' reads: so
 * that post alone is taken for one of which Redis knows nothing, and is recounted, which sets its keys anew.
 */
const readText = (key: string): Command => ['MGET', key]
const textOf = (reply: Reply | undefined): Reply => (Array.isArray(reply) ? reply[0] : null) ?? null

/** Sets a post's counters to what was counted, folded into one shard each. */
export const setCounters = (postId: Id, { likes, comments }: Counts): Command[] => [
  ['SET', keys.likeShard(postId, 0), likes, 'EX', TTL.counterShard],
  ['SET', keys.commentShard(postId, 0), comments, 'EX', TTL.counterShard],
]

/** Has a post's counters outlive the counts that are rolled up of them. */
export const renewCounters = (postId: Id): Command[] => [
  ['EXPIRE', keys.likeShard(postId, 0), TTL.counterShard],
  ['EXPIRE', keys.commentShard(postId, 0), TTL.counterShard],
]

/**
 * Removes the shards but the first, where there are any. What is added to them at this moment is missing until the post is
 * recounted, which it is, since it has moved. A hot post stays noted as spread: moves of the same second go on to its
 * shards without another word, and nobody would find them there.
 */
export async function foldShards(redis: RedisPort, postId: Id, isQuiet: boolean): Promise<boolean> {
  const [wasSpread] = await redis.pipeline([[isQuiet ? 'SREM' : 'SISMEMBER', keys.spreadCounts(), postId]])
  if (integer(wasSpread) === 0) return false
  const shards = [keys.likeShard, keys.commentShard].flatMap((key) => shardKeys(key, postId, SHARDS.count).slice(1))
  await redis.pipeline(shards.map((shard): Command => ['DEL', shard]))
  return true
}

const shardKeys = (key: (postId: Id, shard: number) => string, postId: Id, shards = 1) =>
  Array.from({ length: shards }, (_, shard) => key(postId, shard))

/** Null where the first shard is missing, which is every post's, or one is no number. */
function sum(shards: readonly Reply[]): number | null {
  if (textOf(shards[0]) === null) return null
  const total = shards.reduce<number>((all, one) => all + integer(textOf(one)), 0)
  return Number.isSafeInteger(total) ? total : null
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
