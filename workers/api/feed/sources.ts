/** Where candidates come from: one pipeline for a warm reader, completed from Postgres where Redis does not know. */
import {
  type Candidate,
  type FeedRead,
  mergeFollowed,
  parseFeed,
  pulledSkeleton,
  readFeed,
  type Skeleton,
  type SlateEntry,
} from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { type Command, type Reply, scored } from '#core/redis.ts'
import { type Hidden, hiddenOf, readDelta } from '#core/timeline/index.ts'
import { followedPosts, followedPostsOf, type HiddenRow, hiddenAuthors, type PostPlace } from '#drizzle/queries/feed.ts'
import type { FeedPorts } from './ports.ts'
import { celebrityLists, pullUnknown } from './unknown.ts'

/** Candidates of a first page, and who looks. */
export interface Gathered {
  read: FeedRead
  hidden: Hidden
  skeleton: Skeleton
  /** Authors known to be among the candidates, for hydration; empty where only ids were read. */
  authors: readonly Id[]
}

/** Reads all candidates of a first page. @throws RedisAwayError when Redis does not answer */
export async function gather(user: Id, ports: FeedPorts): Promise<Gathered> {
  const read = await readFirst(user, ports)
  const warm = read.timeline.floor !== null
  ports.count('timeline', warm ? 1 : 0, warm ? 0 : 1)
  const trusted = ports.isolate.trustsHidden(user, ports.clock()) ? read.hidden : null
  if (trusted !== null) ports.hides(trusted)
  const pulled = await pullUnknown(user, { ...read, hidden: trusted, timeline: warm ? read.timeline : null }, ports)
  const { hidden, celebrities } = pulled
  ports.hides(hidden)
  // A cold reader's own pull reads celebrities like everyone else.
  if (pulled.posts !== null) {
    const authors = [...new Set(pulled.authors.slice(0, ports.policy.windowSize))]
    return { read, hidden, authors, skeleton: pulledSkeleton(pulled.posts, ports.policy.windowSize) }
  }
  const lists = await celebrityLists(celebrities, ports)
  return { read, hidden, authors: [], skeleton: mergeFollowed(read.timeline, lists, ports.policy.windowSize) }
}

/** The one pipeline, with what rides along: the delta about once a second, the slate and trends once a minute. */
async function readFirst(user: Id, ports: FeedPorts): Promise<FeedRead> {
  const now = ports.clock()
  const riders = rideAlong(ports, now)
  const own = readFeed(user, ports.policy)
  let replies: Reply[]
  try {
    replies = await ports.redis.pipeline([...own, ...riders.commands])
  } catch (error) {
    riders.failed()
    throw error
  }
  riders.take(replies.slice(own.length))
  return parseFeed(replies, now, ports.policy)
}

/** Reads what concerns every reader alike, when it is due, in a pipeline that goes anyway. */
export function rideAlong(
  { isolate }: Pick<FeedPorts, 'isolate'>,
  now: number,
): { commands: Command[]; take(replies: readonly Reply[]): void; failed(): void } {
  const since = isolate.deltaDue(now)
  const shared = isolate.sharedDue(now)
  const commands: Command[] = []
  if (since !== null) commands.push(readDelta(since))
  if (shared)
    commands.push(['GET', keys.adsSlate()], ['ZRANGE', keys.trend('posts'), 0, TRENDING_READ, 'REV', 'WITHSCORES'])
  return {
    commands,
    take(replies) {
      if (since !== null) isolate.applyDelta(replies[0], since, now)
      if (!shared) return
      const [slate, trending] = replies.slice(since === null ? 0 : 1)
      isolate.slate = typeof slate === 'string' ? (JSON.parse(slate) as SlateEntry[]) : []
      isolate.trending = scored(trending)
        .filter(([, score]) => score > 0)
        .map(([id, score]) => ({ id, score }))
    },
    failed: () => isolate.readsFailed(since !== null, shared),
  }
}

const TRENDING_READ = 49

/** With Redis away: candidates and hidden authors in one request to Postgres. Slower, complete. */
export async function pullWithoutRedis(
  user: Id,
  below: Id | null,
  limit: number,
  ports: FeedPorts,
): Promise<Omit<Gathered, 'read'>> {
  const [places, hiddenRows] = await ports.db.batch([followedPosts(user, limit, below), hiddenAuthors(user)])
  const posts = followedPostsOf((places ?? []) as unknown as PostPlace[], limit)
  const members = ((hiddenRows ?? []) as unknown as HiddenRow[]).map((row) => `${row.reason}:${row.author}`)
  const authors = [...new Set((places ?? []).map((place) => String(place.user_id)))]
  return { hidden: hiddenOf(members), authors, skeleton: pulledSkeleton(posts, limit) }
}

/**
 * Candidates from outside the followed: one's own recommendations, else what is trending. The newest posts, which fill that list up
 * with score 0, are for whoever has seen all the rest (beyond.ts).
 */
export function discoveries(read: Pick<FeedRead, 'recommended'>, { isolate, policy }: FeedPorts): Candidate[] {
  if (read.recommended.length > 0) return read.recommended
  const top = isolate.trending[0]?.score ?? 1
  return isolate.trending
    .slice(0, policy.recommendedCandidates)
    .map(({ id, score }) => ({ id, reason: 'trending', relevance: top > 0 ? score / top : 0 }))
}
