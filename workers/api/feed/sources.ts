/** Where candidates come from: one pipeline for a warm reader, rebuilt from Postgres where Redis does not know. */

import { FANOUT_POLICY } from '#core/fanout-policy.ts'
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
import { keys, SENTINEL } from '#core/keys.ts'
import { type Command, type Reply, scored } from '#core/redis.ts'
import {
  type AuthorList,
  beginRebuild,
  type Hidden,
  hiddenOf,
  parseAuthorList,
  readAuthorList,
  readDelta,
  rebuildAuthorList,
  rebuildCelebrities,
  rebuildHidden,
} from '#core/timeline/index.ts'
import {
  authorPosts,
  type CelebrityRow,
  followedCelebrities,
  followedPosts,
  followedPostsOf,
  type HiddenRow,
  hiddenAuthors,
  type PostPlace,
} from '#drizzle/queries/feed.ts'
import type { FeedPorts } from './ports.ts'

/** Candidates of a first page, and who looks. */
export interface Gathered {
  read: FeedRead
  hidden: Hidden
  skeleton: Skeleton
}

/** Reads all candidates of a first page. @throws RedisAwayError when Redis does not answer */
export async function gather(user: Id, ports: FeedPorts): Promise<Gathered> {
  const read = await readFirst(user, ports)
  const warm = read.timeline.floor !== null
  ports.count('timeline', warm ? 1 : 0, warm ? 0 : 1)
  const [hidden, skeleton] = await Promise.all([
    read.hidden ?? hiddenFor(user, ports),
    warm ? mergeWarm(user, read, ports) : pullCold(user, ports),
  ])
  return { read, hidden, skeleton }
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
      if (since !== null) isolate.applyDelta(replies[0], since)
      if (!shared) return
      const [slate, trending] = replies.slice(since === null ? 0 : 1)
      isolate.slate = typeof slate === 'string' ? (JSON.parse(slate) as SlateEntry[]) : []
      isolate.trending = scored(trending)
        .filter(([id]) => id !== SENTINEL)
        .map(([id, score]) => ({ id, score }))
    },
    failed: () => isolate.readsFailed(since !== null, shared),
  }
}

const TRENDING_READ = 49

async function mergeWarm(user: Id, read: FeedRead, ports: FeedPorts): Promise<Skeleton> {
  const lists = await celebrityLists(await celebritiesOf(user, read, ports), ports)
  return mergeFollowed(read.timeline, lists, ports.policy.windowSize)
}

export async function celebritiesOf(
  user: Id,
  read: Pick<FeedRead, 'celebrities'>,
  ports: FeedPorts,
): Promise<readonly Id[]> {
  const known = read.celebrities ?? (await rebuildCelebrities(user, ports.clock(), celebrityPorts(ports)))
  return known.authors.slice(0, FANOUT_POLICY.celebritiesPerRead)
}

const celebrityPorts = ({ redis, db }: FeedPorts) => ({
  redis,
  async followedCelebrities(user: Id) {
    const rows = await db.query<CelebrityRow>(followedCelebrities(user))
    const versions = rows.map((row) => row.version)
    return { authors: rows.map((row) => String(row.author)), registryVersion: Math.max(0, ...versions) }
  },
})

/** Lists from the isolate, then from Redis in one pipeline, then from Postgres. */
export async function celebrityLists(authors: readonly Id[], ports: FeedPorts): Promise<AuthorList[]> {
  const { isolate, redis, db } = ports
  const missing = authors.filter((author) => !isolate.celebrities.has(author))
  if (missing.length > 0) {
    const replies = await redis.pipeline(missing.map((author) => readAuthorList(author, FANOUT_POLICY)))
    const limit = FANOUT_POLICY.authorLength
    const authorPorts = {
      redis,
      authorPosts: async (author: Id) => followedPostsOf(await db.query<PostPlace>(authorPosts(author, limit)), limit),
    }
    for (const [i, author] of missing.entries()) {
      const list = parseAuthorList(author, replies[i]) ?? (await rebuildAuthorList(author, authorPorts))
      isolate.celebrities.set(author, list)
    }
  }
  return authors.flatMap((author) => isolate.celebrities.get(author) ?? [])
}

export function hiddenFor(user: Id, ports: FeedPorts): Promise<Hidden> {
  const hiddenRows = async (of: Id) => ports.db.query<HiddenRow>(hiddenAuthors(of))
  return rebuildHidden(user, {
    redis: ports.redis,
    hiddenAuthors: async (of) =>
      (await hiddenRows(of)).map(({ reason, author }) => ({ reason, author: String(author) })),
  })
}

/** A cold reader pulls for itself and gets a whole page now; the timeline is marked after the answer. */
async function pullCold(user: Id, ports: FeedPorts): Promise<Skeleton> {
  const limit = FANOUT_POLICY.timelineLength
  const { posts, close } = await beginRebuild(user, {
    redis: ports.redis,
    token: ports.token,
    followedPosts: async (of) => followedPostsOf(await ports.db.query<PostPlace>(followedPosts(of, limit)), limit),
  })
  ports.later(close)
  return pulledSkeleton(posts, ports.policy.windowSize)
}

/** With Redis away: candidates and hidden authors in one request to Postgres. Slower, complete. */
export async function pullWithoutRedis(
  user: Id,
  below: Id | null,
  limit: number,
  ports: FeedPorts,
): Promise<{ hidden: Hidden; skeleton: Skeleton }> {
  const [places, hiddenRows] = await ports.db.batch([followedPosts(user, limit, below), hiddenAuthors(user)])
  const posts = followedPostsOf((places ?? []) as unknown as PostPlace[], limit)
  const members = ((hiddenRows ?? []) as unknown as HiddenRow[]).map((row) => `${row.reason}:${row.author}`)
  return { hidden: hiddenOf(members), skeleton: pulledSkeleton(posts, limit) }
}

/** Candidates from outside the followed: one's own recommendations, else what is trending. */
export function discoveries(read: Pick<FeedRead, 'recommended'>, { isolate, policy }: FeedPorts): Candidate[] {
  if (read.recommended.length > 0) return read.recommended
  const top = isolate.trending[0]?.score ?? 1
  return isolate.trending
    .slice(0, policy.recommendedCandidates)
    .map(({ id, score }) => ({ id, reason: 'trending', relevance: top > 0 ? score / top : 0 }))
}
