/** A reader's walk through a feed, page after page, over the stages of core: what the edge does, without its caches. */
import type { FanoutPolicy } from '#core/fanout-policy.ts'
import {
  type Candidate,
  type FeedPolicy,
  mergeFollowed,
  parseFeed,
  pulledSkeleton,
  readFeed,
  readFeedBelow,
  readViewer,
  type Skeleton,
} from '#core/feed/index.ts'
import type { Clock, Id } from '#core/ids.ts'
import type { RedisPort } from '#core/redis.ts'
import {
  type AuthorList,
  beginRebuild,
  type Celebrities,
  DELETED,
  type Hidden,
  parseAuthorList,
  parsePost,
  readAuthorList,
  readPost,
  rebuildAuthorList,
  rebuildCelebrities,
  rebuildHidden,
} from '#core/timeline/index.ts'
import type { Truth } from './truth.ts'

export interface ReaderPorts {
  redis: RedisPort
  truth: Pick<Truth, 'followedPosts' | 'hiddenAuthors' | 'followedCelebrities' | 'authorPosts' | 'postsById'>
  clock: Clock
  policy: FanoutPolicy
  feed: FeedPolicy
  token(): string
  /** Runs after the answer, as a rebuild's last step does. */
  later(work: () => Promise<unknown>): void
  /** A rule to leave out. */
  without: ReadonlySet<string>
}

export interface ShownPost {
  id: Id
  author: Id
  /** Merged from a celebrity's list by a warm reader. */
  merged: boolean
}

export interface Page {
  shown: ShownPost[]
  /** Where the next page goes on; '0' at the end. */
  bottom: Id
}

/** One page: the first, or the one below an id. */
export async function readPage(user: Id, below: Id | null, ports: ReaderPorts): Promise<Page> {
  const { redis, truth, clock, feed } = ports
  let read = parseFeed(
    await redis.pipeline(below === null ? readFeed(user, feed) : readFeedBelow(user, below, feed)),
    clock(),
    feed,
  )
  const skeleton = await skeletonOf(user, below, read, ports)
  if (below !== null) {
    // A later page reads its viewer once more, after the candidates or before: both happen at the edge.
    read = parseFeed([null, null, null, ...(await redis.pipeline(readViewer(user, feed)))], clock(), feed)
  }
  const unknown = ports.without.has('absent-is-not-empty') ? NOTHING_HIDDEN : null
  const hidden = read.hidden ?? unknown ?? (await rebuildHidden(user, { redis, hiddenAuthors: truth.hiddenAuthors }))
  return { shown: await show(user, skeleton.candidates, hidden, ports), bottom: skeleton.bottom }
}

const NOTHING_HIDDEN: Hidden = { everywhere: new Set(), unfollowed: new Set() }

async function skeletonOf(
  user: Id,
  below: Id | null,
  read: ReturnType<typeof parseFeed>,
  ports: ReaderPorts,
): Promise<Skeleton> {
  const { feed } = ports
  if (read.timeline.floor === null) return below === null ? pullCold(user, ports) : fromDatabase(user, below, ports)
  const lists = await celebrityLists(await celebritiesOf(user, read.celebrities, ports), ports)
  const floored = ports.without.has('page-floor') ? lists.map((list) => ({ ...list, floor: 0 })) : lists
  const skeleton = mergeFollowed(read.timeline, floored, below === null ? feed.windowSize : feed.pageSize, below)
  if (below === null || skeleton.candidates.length > 0 || skeleton.bottom === '0') return skeleton
  return fromDatabase(user, below, ports)
}

async function pullCold(user: Id, { redis, truth, token, later, policy, feed }: ReaderPorts): Promise<Skeleton> {
  const followedPosts = (of: Id) => truth.followedPosts(of, policy.timelineLength, null)
  const { posts, close } = await beginRebuild(user, { redis, token, followedPosts })
  later(close)
  return pulledSkeleton(posts, feed.windowSize)
}

async function fromDatabase(user: Id, below: Id, { truth, feed }: ReaderPorts): Promise<Skeleton> {
  const posts = await truth.followedPosts(user, feed.pageSize, below)
  const candidates = posts.entries.map(({ id }): Candidate => ({ id, reason: 'follow', relevance: 0 }))
  return { candidates, bottom: posts.complete ? '0' : (candidates.at(-1)?.id ?? '0') }
}

async function celebritiesOf(user: Id, known: Celebrities | null, { redis, truth, clock }: ReaderPorts): Promise<Id[]> {
  if (known !== null) return known.authors
  return (await rebuildCelebrities(user, clock(), { redis, followedCelebrities: truth.followedCelebrities })).authors
}

async function celebrityLists(authors: readonly Id[], { redis, truth, policy }: ReaderPorts): Promise<AuthorList[]> {
  const lists: AuthorList[] = []
  for (const author of authors) {
    const [reply] = await redis.pipeline([readAuthorList(author, policy)])
    const authorPosts = (of: Id) => truth.authorPosts(of, policy.authorLength)
    lists.push(parseAuthorList(author, reply) ?? (await rebuildAuthorList(author, { redis, authorPosts })))
  }
  return lists
}

/** Hydrates and applies the rules that concern whose post it is. */
async function show(
  user: Id,
  candidates: readonly Candidate[],
  hidden: Hidden,
  { redis, truth }: ReaderPorts,
): Promise<ShownPost[]> {
  if (candidates.length === 0) return []
  const replies = await redis.pipeline(candidates.map(({ id }) => readPost(id)))
  const records = candidates.map(({ id }, i) => parsePost(id, replies[i]))
  const lost = candidates.filter((_, i) => records[i] === null)
  const rows = lost.length === 0 ? [] : await truth.postsById(lost.map(({ id }) => id))
  const authors = new Map(rows.filter((row) => !row.deleted).map((row) => [row.id, row.author]))
  for (const found of records) if (found !== null && found !== DELETED) authors.set(found.post.id, found.post.userId)
  return candidates.flatMap(({ id, reason }) => {
    const author = authors.get(id)
    if (author === undefined) return []
    const isHidden = hidden.everywhere.has(author) || hidden.unfollowed.has(author)
    return isHidden && author !== user ? [] : [{ id, author, merged: reason === 'celebrity' }]
  })
}
