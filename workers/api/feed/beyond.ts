/** What comes after the last followed post: recommended and trending posts that the first page had no room for. */
import {
  applyRules,
  attach,
  type Beyond,
  type Candidate,
  type FeedPosition,
  type HydratedItem,
  MOST_IN_A_ROW,
  parseBeyond,
  readBeyond,
  spreadAuthors,
  type Viewer,
} from '#core/feed/index.ts'
import { type Id, idShard } from '#core/ids.ts'
import { RedisAwayError } from '#core/redis.ts'
import { followedAmong } from '#drizzle/queries/feed.ts'
import { hydrate } from './hydrate.ts'
import type { FeedQuery, Filled } from './page.ts'
import type { FeedPorts } from './ports.ts'

/** Whether something may come after the followed posts. Newest-first is what was asked for: nothing does. */
export const goesBeyond = ({ mode, isBeyond }: FeedPosition) => mode === 'ranked' && !isBeyond

/** No followed post is left, and nobody has asked yet what comes after them. */
export const isUsedUp = (position: FeedPosition) =>
  position.rest.length === 0 && position.bottom === '0' && goesBeyond(position)

/**
 * Puts all that there is from outside the followed into the walk, best first; what was seen before comes again, and says so, behind
 * what does not fill a first page. What trends changes from minute to minute: so it is read once a walk, and its order is frozen in
 * the cursor. The walk ends where nobody can say what there is or what was shown.
 */
export async function goBeyond(
  { cursor, limit }: Pick<FeedQuery, 'cursor' | 'limit'>,
  { items, viewer, position }: Filled,
  ports: FeedPorts,
): Promise<void> {
  const shown = new Set([...position.shown, ...items.map((item) => item.post.id)])
  const found = await readOrNothing(viewer.id, ports)
  const notShown = (candidates: readonly Candidate[]) => candidates.filter(({ id }) => !shown.has(id))
  const fresh = notShown(found.unseen)
  // On a first page the items are all that was shown.
  const isAllNew = cursor === null || fresh.length === 0
  const isShort = cursor === null && !(await fills(limit - items.length, fresh, viewer, ports))
  const all = isShort ? [...fresh, ...notShown(found.seen)].slice(0, ports.policy.beyondCandidates) : fresh
  const news = isAllNew ? all : await withoutFollowed(viewer, all, ports)
  const rest = spread(news, items)
  // Both at once: a page that is shown meanwhile must not take the walk for ended.
  Object.assign(position, { rest, isBeyond: true })
}

/** Whether so many of the candidates may be shown. Of twice as many that is taken for granted: nobody hides half of what trends. */
async function fills(
  room: number,
  candidates: readonly Candidate[],
  viewer: Viewer,
  ports: FeedPorts,
): Promise<boolean> {
  if (candidates.length < room) return false
  if (candidates.length >= 2 * room) return true
  const posts = await hydrate(
    candidates.map(({ id }) => id),
    ports,
  )
  return applyRules(attach(candidates, posts, viewer.id), viewer).length >= room
}

/**
 * Nobody more than twice in a row. Who made a post is not known before it is read, but its id carries the shard of who did: two
 * authors share one once in 8,192 times, and then are spread in vain. What was seen stays behind what was not.
 */
function spread(candidates: readonly Candidate[], shown: readonly HydratedItem[]): Candidate[] {
  const authorOf = ({ id }: { id: Id }) => idShard(id)
  const before = shown.slice(-MOST_IN_A_ROW).map(({ post }) => authorOf(post))
  const unseen = spreadAuthors(
    candidates.filter(({ reason }) => reason !== 'seen'),
    authorOf,
    before,
  )
  const seen = candidates.filter(({ reason }) => reason === 'seen')
  return [...unseen, ...spreadAuthors(seen, authorOf, [...before, ...unseen.slice(-MOST_IN_A_ROW).map(authorOf)])]
}

/** What is from outside may be what was sponsored on the first page; followed posts of the window are not. */
export function withoutAds(rest: Candidate[], page: readonly HydratedItem[], { isBeyond }: FeedPosition): Candidate[] {
  if (!isBeyond) return rest
  const ads = new Set(page.filter(({ candidate }) => candidate.reason === 'sponsored').map(({ post }) => post.id))
  return rest.filter(({ id }) => !ads.has(id))
}

async function readOrNothing(user: Id, ports: FeedPorts): Promise<Beyond> {
  try {
    return parseBeyond(await ports.redis.pipeline(readBeyond(user, ports.policy)), ports.policy)
  } catch (error) {
    if (!(error instanceof RedisAwayError)) throw error
    ports.degraded('redis')
    return { unseen: [], seen: [] }
  }
}

/** The pages before had every post of followed authors and of the viewer; who was unfollowed since was among them. */
async function withoutFollowed(viewer: Viewer, candidates: Candidate[], ports: FeedPorts): Promise<Candidate[]> {
  const ids = candidates.map((candidate) => candidate.id)
  const items = attach(candidates, await hydrate(ids, ports), viewer.id)
  const authors = [...new Set(items.map(({ post }) => post.authorId))]
  try {
    const rows = await ports.db.query<{ followee_id: string }>(followedAmong(viewer.id, authors))
    const walked = new Set([viewer.id, ...viewer.hidden.unfollowed, ...rows.map((row) => String(row.followee_id))])
    return items.filter(({ post }) => !walked.has(post.authorId)).map(({ candidate }) => candidate)
  } catch (error) {
    if (!ports.isAway(error)) throw error
    ports.degraded('postgres')
    return []
  }
}
