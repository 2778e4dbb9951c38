/** One feed request: first pages, later pages, and what is served when something is down (design §7). */
import {
  applyRules,
  attach,
  type Candidate,
  decodeFeedCursor,
  eligibleSponsored,
  encodeFeedCursor,
  type FeedPosition,
  type FeedRead,
  type HydratedItem,
  insertSponsored,
  paceRecommended,
  pageTag,
  presentPage,
  rank,
  type Viewer,
  withCandidates,
} from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'
import { RedisAwayError } from '#core/redis.ts'
import { readOn } from './continue.ts'
import { hydrate } from './hydrate.ts'
import type { FeedPorts } from './ports.ts'
import { discoveries, gather, pullWithoutRedis } from './sources.ts'
import { unreadViewer, viewerOf, withLikes } from './viewer.ts'

export type FeedMode = 'ranked' | 'following'

export interface FeedQuery {
  user: Id
  limit: number
  mode: FeedMode
  cursor: string | null
}

export interface FeedPage {
  items: HydratedItem[]
  viewer: Viewer
  cursor: string | null
}

/** What a page's walk goes on with: the frozen order, then newest-first below the bottom. */
type Walk = Pick<FeedPosition, 'rest' | 'bottom' | 'shown' | 'served'>

/** Serves one page. @throws whatever says that Redis and Postgres are both away */
export async function serveFeed(query: FeedQuery, ports: FeedPorts): Promise<FeedPage> {
  return query.cursor === null ? firstPage(query, ports) : nextPage(query, decodeFeedCursor(query.cursor), ports)
}

async function firstPage(query: FeedQuery, ports: FeedPorts): Promise<FeedPage> {
  const { read, hidden, skeleton } = await gatherOrPull(query, ports)
  const ranked = query.mode === 'ranked'
  const candidates = ranked ? withCandidates(skeleton, discoveries(read, ports)) : skeleton.candidates
  const viewer = await viewerOf(query.user, { read, hidden, candidates }, ports)
  const allowed = await allowedItems(candidates, viewer, ports)
  const ordered = ranked ? paceRecommended(rank(allowed, viewer, ports.clock(), ports.model), ports.policy) : allowed
  const walk: Walk = {
    rest: ordered.map((item) => item.candidate),
    bottom: skeleton.bottom,
    shown: [],
    served: 0,
  }
  const page = await fillPage(query, walk, ordered, viewer, ports)
  return ranked ? withSponsored(page, read, ports) : page
}

/** With Redis away the candidates come from Postgres: slower, complete, and marked as degraded. */
async function gatherOrPull(query: FeedQuery, ports: FeedPorts) {
  try {
    return await gather(query.user, ports)
  } catch (error) {
    if (!(error instanceof RedisAwayError)) throw error
    ports.degraded('redis')
    const pulled = await pullWithoutRedis(query.user, null, ports.policy.windowSize, ports)
    return { read: unreadViewer(), ...pulled }
  }
}

async function nextPage(query: FeedQuery, position: FeedPosition, ports: FeedPorts): Promise<FeedPage> {
  const { hidden, read } = await readOn.viewer(query.user, ports)
  const slice = position.rest.slice(0, query.limit)
  const viewer = await viewerOf(query.user, { read, hidden, candidates: slice }, ports)
  const allowed = await readOn.proven(query.user, await allowedItems(slice, viewer, ports), ports)
  const later = position.rest.slice(slice.length)
  const walk: Walk = { ...position, rest: [...allowed.map((item) => item.candidate), ...later] }
  return fillPage(query, walk, allowed, viewer, ports)
}

async function allowedItems(
  candidates: readonly Candidate[],
  viewer: Viewer,
  ports: FeedPorts,
): Promise<HydratedItem[]> {
  const posts = await hydrate(
    candidates.map((candidate) => candidate.id),
    ports,
  )
  return applyRules(attach(candidates, posts, viewer.id), viewer)
}

/**
 * Cuts a page from the walk. What the rules removed is replaced: first by what remains of the frozen order, then by
 * reading on below the bottom, a bounded number of times.
 */
async function fillPage(
  query: FeedQuery,
  walk: Walk,
  ready: readonly HydratedItem[],
  viewer: Viewer,
  ports: FeedPorts,
): Promise<FeedPage> {
  const items = ready.slice(0, query.limit)
  const position: FeedPosition = { ...walk, rest: walk.rest.slice(items.length), shown: [...walk.shown] }
  let looking = viewer
  for (let round = 0; items.length < query.limit && round < ports.policy.refillRounds; round++) {
    const step = await nextCandidates(query, position, query.limit - items.length, ports)
    if (step === null) break
    looking = await withLikes(looking, step, ports)
    const allowed = await allowedItems(step, looking, ports)
    items.push(...(query.cursor === null ? allowed : await readOn.proven(query.user, allowed, ports)))
  }
  position.shown.push(...items.filter(isDiscovery).map((item) => item.post.id))
  position.shown = position.shown.slice(-MAX_SHOWN)
  position.served += items.length
  const more = position.rest.length > 0 || position.bottom !== '0'
  return { items, viewer: looking, cursor: more ? encodeFeedCursor(position) : null }
}

const MAX_SHOWN = 200
const isDiscovery = ({ candidate }: HydratedItem) => candidate.reason !== 'follow' && candidate.reason !== 'celebrity'

/** Takes the walk's next candidates and moves the position past them; null at the end of the feed. */
async function nextCandidates(
  query: FeedQuery,
  position: FeedPosition,
  wanted: number,
  ports: FeedPorts,
): Promise<Candidate[] | null> {
  if (position.rest.length > 0) return position.rest.splice(0, wanted)
  if (position.bottom === '0') return null
  const shown = new Set(position.shown)
  const skeleton = await readOn.below(query.user, position.bottom, wanted + shown.size, ports)
  const fresh = skeleton.candidates.filter(({ id }) => !shown.has(id))
  const step = fresh.slice(0, wanted)
  const last = step.at(-1)
  position.bottom = step.length < fresh.length && last !== undefined ? last.id : skeleton.bottom
  return step
}

/** Sponsored posts go through the rules like any other, and into their slots. */
async function withSponsored(page: FeedPage, read: FeedRead, ports: FeedPorts): Promise<FeedPage> {
  if (ports.isolate.slate.length === 0) return page
  const interests = new Set(page.items.flatMap((item) => item.post.hashtags))
  const entries = eligibleSponsored(ports.isolate.slate, page.viewer.id, read.adsToday, interests).slice(0, MOST_ADS)
  const candidates = entries.map(({ postId }): Candidate => ({ id: postId, reason: 'sponsored', relevance: 0 }))
  const allowed = await allowedItems(candidates, page.viewer, ports)
  return { ...page, items: insertSponsored(page.items, allowed, ports.policy) }
}

const MOST_ADS = 8

/** The page as text, and its tag. */
export const renderFeed = (page: FeedPage): string => presentPage(page.items, page.viewer, page.cursor)
export const feedTag = (page: FeedPage): string => pageTag(page.items, page.viewer)
