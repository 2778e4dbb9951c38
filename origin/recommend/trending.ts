/**
 * Trending posts and hashtags, computed about once a minute: engagement decayed by age, the form of Hacker News
 * (points − 1) / (hours + 2)^1.8, with comments counted twice. What a person sees who follows nobody yet.
 */
import { type Clock, idMs } from '#core/ids.ts'
import { keys, SENTINEL, TTL } from '#core/keys.ts'
import type { Command, RedisPort } from '#core/redis.ts'
import type { Database } from '#drizzle/database.ts'
import { mayLag } from '#drizzle/placement.ts'
import { engagedSince, newestPublic, type TrendingRow } from '#drizzle/queries/trending.ts'

const TRENDING = Object.freeze({
  /** Older posts do not trend, however much they are liked. */
  windowMs: 7 * 86_400_000,
  /** Read from the database, most engaged first; decay reorders them. */
  considered: 500,
  kept: 200,
  gravity: 1.8,
})

const HOUR_MS = 3_600_000

/** The score of one post at an instant. */
export function trendScore(post: TrendingRow, nowMs: number): number {
  const hours = Math.max(0, nowMs - idMs(String(post.post_id))) / HOUR_MS
  return (post.like_count + 2 * post.comment_count) / (hours + 2) ** TRENDING.gravity
}

/**
 * Computes both lists anew and replaces them in Redis. Where little trends, the newest posts stand behind it with score 0:
 * whoever follows nobody has something to look at in a quiet week, too.
 */
export async function refreshTrending(database: Database, redis: RedisPort, clock: Clock): Promise<void> {
  const now = clock()
  const statement = mayLag(engagedSince(now - TRENDING.windowMs, TRENDING.considered))
  const rows = await database.query<TrendingRow>(statement)
  const posts: [string, number][] = rows.map((row) => [String(row.post_id), trendScore(row, now)])
  if (posts.length < TRENDING.kept) {
    const trending = new Set(posts.map(([id]) => id))
    const newest = await database.query<TrendingRow>(mayLag(newestPublic(TRENDING.kept)))
    for (const { post_id: id } of newest) if (!trending.has(String(id))) posts.push([String(id), 0])
  }
  const hashtags = new Map<string, number>()
  for (const row of rows) {
    for (const tag of row.hashtags) hashtags.set(tag, (hashtags.get(tag) ?? 0) + trendScore(row, now))
  }
  await redis.pipeline([...replace(keys.trend('posts'), posts), ...replace(keys.trend('hashtags'), [...hashtags])])
}

function replace(key: string, scores: [string, number][]): Command[] {
  const best = scores.sort((a, b) => b[1] - a[1]).slice(0, TRENDING.kept)
  return [
    ['DEL', key],
    ['ZADD', key, 0, SENTINEL, ...best.flatMap(([member, score]) => [score, member])],
    ['EXPIRE', key, TTL.trend],
  ]
}
