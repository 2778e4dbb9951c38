/** The pages after the first: the viewer anew, and followed posts below a bottom. */
import {
  type Candidate,
  FEED_BELOW_REPLIES,
  type FeedRead,
  type HydratedItem,
  mergeFollowed,
  parseFeed,
  parseViewer,
  readFeedBelow,
  readViewer,
  type Skeleton,
} from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'
import { RedisAwayError } from '#core/redis.ts'
import { type Hidden, hiddenOf } from '#core/timeline/index.ts'
import { mayLag } from '#drizzle/placement.ts'
import {
  followedAmong,
  followedPosts,
  followedPostsOf,
  type HiddenRow,
  hiddenAuthors,
  type PostPlace,
} from '#drizzle/queries/feed.ts'
import type { FeedPorts } from './ports.ts'
import { rideAlong } from './sources.ts'
import { celebrityLists, pullUnknown } from './unknown.ts'
import { unreadViewer } from './viewer.ts'

async function orWithoutRedis<T>(ports: FeedPorts, withRedis: () => Promise<T>, without: () => Promise<T>): Promise<T> {
  try {
    return await withRedis()
  } catch (error) {
    if (!(error instanceof RedisAwayError)) throw error
    ports.degraded('redis')
    return without()
  }
}

/** Stand for what a step does not need, so that nothing is pulled for it. */
const NOT_ASKED = { authors: [], builtAt: 0 }
const NOBODY = hiddenOf([])

/** Hidden authors and likes, read again for every page: a block between two pages holds on the second. */
function viewer(user: Id, ports: FeedPorts): Promise<{ hidden: Hidden; read: FeedRead }> {
  return orWithoutRedis(
    ports,
    async () => {
      const now = ports.clock()
      const riders = rideAlong(ports, now)
      const own = readViewer(user, ports.policy)
      const replies = await ports.redis.pipeline([...own, ...riders.commands]).catch((error: unknown) => {
        riders.failed()
        throw error
      })
      riders.take(replies.slice(own.length))
      const read = { ...unreadViewer(), ...parseViewer(replies, now) }
      const trusted = ports.isolate.trustsHidden(user, now) ? read.hidden : null
      const known = { hidden: trusted, celebrities: NOT_ASKED, timeline: NOT_ASKED }
      const { hidden } = await pullUnknown(user, known, ports)
      return { read, hidden }
    },
    async () => {
      const rows = await ports.db.query<HiddenRow>(hiddenAuthors(user))
      return { read: unreadViewer(), hidden: hiddenOf(rows.map((row) => `${row.reason}:${row.author}`)) }
    },
  )
}

/**
 * Followed posts below an id, newest first: from the timeline and the celebrities' lists as far as they are whole, from
 * Postgres below that. Never empty before the feed's end.
 */
async function below(user: Id, bottom: Id, wanted: number, ports: FeedPorts): Promise<Skeleton> {
  return orWithoutRedis(
    ports,
    () => belowWarm(user, bottom, wanted, ports),
    () => fromPostgres(user, bottom, wanted, ports),
  )
}

async function belowWarm(user: Id, bottom: Id, wanted: number, ports: FeedPorts): Promise<Skeleton> {
  const replies = await ports.redis.pipeline(readFeedBelow(user, bottom, ports.policy))
  const read = parseFeed(replies.slice(0, FEED_BELOW_REPLIES), ports.clock(), ports.policy)
  if (read.timeline.floor === null) return fromPostgres(user, bottom, wanted, ports)
  const { celebrities } = await pullUnknown(user, { ...read, hidden: NOBODY }, ports)
  const lists = await celebrityLists(celebrities, ports, bottom)
  const skeleton = mergeFollowed(read.timeline, lists, wanted, bottom)
  return skeleton.candidates.length > 0 || skeleton.bottom === '0'
    ? skeleton
    : fromPostgres(user, bottom, wanted, ports)
}

async function fromPostgres(user: Id, bottom: Id, wanted: number, ports: FeedPorts): Promise<Skeleton> {
  const limit = Math.max(wanted, ports.policy.pageSize)
  const statement = followedPosts(user, limit, bottom)
  // Old posts by ids alone: what may be seen of them is decided after this, by what never lags.
  const rows = await ports.db.query<PostPlace>((await ports.mayLag(user)) ? mayLag(statement) : statement)
  const posts = followedPostsOf(rows, limit)
  const candidates = posts.entries.map(({ id }): Candidate => ({ id, reason: 'follow', relevance: 0 }))
  return { candidates, bottom: posts.complete ? '0' : (candidates.at(-1)?.id ?? '0') }
}

/**
 * A cursor says of each post why it is there, and a client could say anything: posts of private accounts are shown only
 * where the follow itself says so.
 */
const needsProof = ({ post }: HydratedItem, user: Id): boolean => post.authorPrivate && post.authorId !== user

async function proven(user: Id, items: readonly HydratedItem[], ports: FeedPorts): Promise<HydratedItem[]> {
  const isDoubtful = (item: HydratedItem) => needsProof(item, user)
  const authors = [...new Set(items.filter(isDoubtful).map(({ post }) => post.authorId))]
  if (authors.length === 0) return [...items]
  const rows = await ports.db.query<{ followee_id: string }>(followedAmong(user, authors)).catch((error: unknown) => {
    if (!ports.isAway(error)) throw error
    ports.degraded('postgres')
    return []
  })
  const followed = new Set(rows.map((row) => String(row.followee_id)))
  return items.filter((item) => !isDoubtful(item) || followed.has(item.post.authorId))
}

export const readOn = { viewer, below, needsProof, proven }
