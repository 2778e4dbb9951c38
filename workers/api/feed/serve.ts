/** One feed request: first pages, later pages, and what is served when something is down (design §7). */
import {
  applyRules,
  attach,
  type Candidate,
  decodeFeedCursor,
  eligibleSponsored,
  encodeFeedCursor,
  type FeedMode,
  type FeedPosition,
  type FeedPost,
  type FeedRead,
  type HydratedItem,
  insertSponsored,
  isAmong,
  isFollowed,
  paceRecommended,
  pageTag,
  rank,
  type Skeleton,
  type SlateEntry,
  type Viewer,
  withCandidates,
} from '#core/feed/index.ts'
import { IdSet } from '#core/id-set.ts'
import { compareIds, type Id } from '#core/ids.ts'
import { RedisAwayError } from '#core/redis.ts'
import { goBeyond, goesBeyond, isUsedUp, withoutAds } from './beyond.ts'
import { readOn } from './continue.ts'
import { type Hydrated, hydrate } from './hydrate.ts'
import type { FeedPage, FeedQuery, Filled, PageSoFar } from './page.ts'
import type { FeedPorts } from './ports.ts'
import { discoveries, gather, pullWithoutRedis } from './sources.ts'
import { affinityAmong, unreadViewer, viewerOf, viewerSoFar, withLikes } from './viewer.ts'

export type { FeedPage, FeedQuery, PageSoFar } from './page.ts'

/** Serves one page. @throws whatever says that Redis and Postgres are both away */
export async function serveFeed(query: FeedQuery, ports: FeedPorts): Promise<FeedPage> {
  if (query.cursor === null) return firstPage(query, ports)
  return nextPage(query, decodeFeedCursor(query.cursor, query.mode), ports)
}

async function firstPage(query: FeedQuery, ports: FeedPorts): Promise<FeedPage> {
  const { read, hidden, skeleton, authors } = await gatherOrPull(query, ports)
  const ranked = query.mode === 'ranked'
  const candidates = ranked ? withCandidates(skeleton, discoveries(read, ports)) : skeleton.candidates
  const slate = ranked ? eligibleSlate(query.user, read, { skeleton, candidates }, ports) : []
  const early = slate.slice(0, EARLY_ADS)
  const posts: Hydrated = []
  ports.soFar(() => {
    const viewer = viewerSoFar(query.user, { read, hidden })
    return pageSoFar(query, { candidates, bottom: skeleton.bottom }, viewer, posts, ports)
  })
  const [viewer] = await Promise.all([
    viewerOf(query.user, { read, hidden, candidates }, ports),
    hydrate(
      [...idsOf(candidates), ...early.map((entry) => entry.postId)],
      ports,
      [...authors, ...early.map((entry) => entry.authorId)],
      posts,
    ),
  ])
  const ordered = inOrder(query.mode, candidates, viewer, posts, ports)
  const walk = walkOf(query.mode, ordered, skeleton.bottom)
  const filled = await fillPage(query, walk, ordered, viewer, ports)
  const advertised = new Map(early.map((entry, i) => [entry.postId, posts[candidates.length + i]]))
  const sponsored = await sponsoredItems(filled, slate, read, advertised, ports)
  return cutTo(query.limit, insertSponsored(filled.items, sponsored, ports.policy), filled)
}

/** What may be shown of the candidates that were read, in the order of the mode. */
function inOrder(
  mode: FeedMode,
  candidates: readonly Candidate[],
  viewer: Viewer,
  posts: Hydrated,
  { clock, model, policy }: FeedPorts,
): HydratedItem[] {
  const items = attach(candidates, posts, viewer.id)
  const allowed = applyRules(items, viewer)
  if (mode === 'following') return allowed
  const looking = { ...viewer, affinity: affinityAmong(items, viewer.liked) }
  return paceRecommended(rank(allowed, looking, clock(), model), policy)
}

const walkOf = (mode: FeedMode, ordered: readonly HydratedItem[], bottom: Id): FeedPosition => ({
  mode,
  rest: ordered.map((item) => item.candidate),
  bottom,
  shown: [],
  served: 0,
  isBeyond: false,
})

/** Of what was read until now: nothing is asked, refilled or sponsored. What was not read comes on later pages of the walk. */
function pageSoFar(
  { mode, limit }: FeedQuery,
  { candidates, bottom }: { candidates: readonly Candidate[]; bottom: Id },
  viewer: Viewer,
  posts: Hydrated,
  ports: FeedPorts,
): PageSoFar {
  const ordered = inOrder(mode, candidates, viewer, posts, ports)
  const unread = candidates.filter((_, i) => posts[i] === undefined)
  const items = ordered.slice(0, limit)
  const walk = walkOf(mode, ordered.slice(items.length), bottom)
  const page = pageOf(items, { items, viewer, position: { ...walk, rest: [...walk.rest, ...unread] } })
  return { page, isFull: items.length === limit || (page.cursor === null && unread.length === 0) }
}

/** Sponsored posts stand in a page, not on top of it: what they push out is the first of the next page. */
function cutTo(limit: number, items: readonly HydratedItem[], filled: Filled): FeedPage {
  const pushedOut = items.slice(limit).filter(({ candidate }) => candidate.reason !== 'sponsored')
  const rest = [...pushedOut.map((item) => item.candidate), ...filled.position.rest]
  const page = items.slice(0, limit)
  return pageOf(page, { ...filled, position: { ...filled.position, rest: withoutAds(rest, page, filled.position) } })
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
  const filled = await fillPage(query, position, [], viewerSoFar(query.user, { read, hidden }), ports)
  return pageOf(filled.items, filled)
}

const idsOf = (candidates: readonly Candidate[]): Id[] => candidates.map((candidate) => candidate.id)

async function allowedItems(
  candidates: readonly Candidate[],
  viewer: Viewer,
  ports: FeedPorts,
  posts: Hydrated,
): Promise<HydratedItem[]> {
  await hydrate(idsOf(candidates), ports, [], posts)
  return applyRules(attach(candidates, posts, viewer.id), viewer)
}

/** Of a later page: what is not read yet, and what has yet to be proven, stays in front of its walk. */
function laterSoFar(
  { limit }: FeedQuery,
  { items, viewer, position }: Filled,
  reading: readonly Candidate[],
  posts: Hydrated,
): PageSoFar {
  const allowed = applyRules(attach(reading, posts, viewer.id), viewer)
  const added = allowed.filter((item) => !readOn.needsProof(item, viewer.id)).slice(0, limit - items.length)
  const open = new Set(allowed.filter((item) => !added.includes(item)).map((item) => item.post.id))
  const left = reading.filter(({ id }, i) => posts[i] === undefined || open.has(id))
  const shown = [...items, ...added]
  const page = pageOf(shown, { items: shown, viewer, position: { ...position, rest: [...left, ...position.rest] } })
  return { page, isFull: shown.length === limit || page.cursor === null }
}

/**
 * Cuts a page from the walk. What the rules removed is replaced: first by what remains of the frozen order, then by
 * reading on below the bottom, a bounded number of times.
 */
async function fillPage(
  query: FeedQuery,
  walk: FeedPosition,
  ready: readonly HydratedItem[],
  viewer: Viewer,
  ports: FeedPorts,
): Promise<Filled> {
  const items = ready.slice(0, query.limit)
  const position: FeedPosition = { ...walk, rest: walk.rest.slice(items.length) }
  const isFirst = query.cursor === null
  let looking = viewer
  let [reading, posts]: [Candidate[], Hydrated] = [[], []]
  if (!isFirst) ports.soFar(() => laterSoFar(query, { items, viewer: looking, position }, reading, posts))
  // A later page begins with what its cursor has: that replaces nothing yet.
  for (let round = isFirst ? 0 : -1; items.length < query.limit && round < ports.policy.refillRounds; round++) {
    const wanted = query.limit - items.length
    const asked = round <= 0 ? wanted : refillSize(wanted)
    const step = await nextCandidates(query, { items, viewer: looking, position }, asked, ports)
    if (step === null) break
    // Between its leaving the walk and this nothing waits: a page so far has it in one of the two.
    ;[reading, posts] = [step, []]
    looking = await withLikes(looking, step, ports)
    const found = await allowedItems(step, looking, ports, posts)
    const allowed = isFirst ? found : await readOn.proven(query.user, found, ports)
    reading = []
    items.push(...allowed.slice(0, wanted))
    position.rest.unshift(...allowed.slice(wanted).map((item) => item.candidate))
  }
  const filled = { items, viewer: looking, position }
  // A page that is just full knows, too, whether it is the last.
  if (isUsedUp(position)) await goBeyond(query, filled, ports)
  return filled
}

/** The rules take much away from this reader: more than is wanted is read, and what is left stays in the walk. */
const refillSize = (wanted: number) => Math.max(2 * wanted, 25)

/** Takes the walk's next candidates and moves the position past them; null at the end of the feed. */
async function nextCandidates(
  query: FeedQuery,
  filled: Filled,
  wanted: number,
  ports: FeedPorts,
): Promise<Candidate[] | null> {
  const { items, position } = filled
  if (isUsedUp(position)) await goBeyond(query, filled, ports)
  if (position.rest.length > 0) return position.rest.splice(0, wanted)
  if (position.bottom === '0') return null
  const shown = new Set(stillToMeet(position, items))
  const skeleton = await readOn.below(query.user, position.bottom, wanted + shown.size, ports)
  const fresh = skeleton.candidates.filter(({ id }) => !shown.has(id))
  const step = fresh.slice(0, wanted)
  const last = step.at(-1)
  position.bottom = step.length < fresh.length && last !== undefined ? last.id : skeleton.bottom
  return step
}

/**
 * What was shown already and that the walk may meet again: what is from outside the followed, until the second frozen order is
 * made without it, and what lies below the bottom.
 */
function stillToMeet(position: FeedPosition, items: readonly HydratedItem[]): Id[] {
  const isBelow = (id: Id) => compareIds(id, position.bottom) < 0
  const stays = goesBeyond(position) ? () => true : isBelow
  const shown = items.filter((item) => !isFollowed(item) || isBelow(item.candidate.id)).map((item) => item.candidate.id)
  return [...position.shown, ...shown].filter(stays).slice(-MAX_SHOWN)
}

const MAX_SHOWN = 200

function pageOf(items: HydratedItem[], { viewer, position }: Filled): FeedPage {
  const more = position.rest.length > 0 || position.bottom !== '0' || goesBeyond(position)
  const next = { ...position, shown: stillToMeet(position, items), served: position.served + items.length }
  return { items, viewer, cursor: more ? encodeFeedCursor(next) : null, isBeyond: position.isBeyond }
}

/**
 * The slate as far as this viewer may be shown it; nothing when impressions could not be counted. A post that is a
 * candidate anyway is not sponsored: it would come twice.
 */
function eligibleSlate(
  user: Id,
  { adsToday }: Pick<FeedRead, 'adsToday'>,
  { skeleton, candidates }: { skeleton: Skeleton; candidates: readonly Candidate[] },
  { isolate }: FeedPorts,
): SlateEntry[] {
  if (adsToday === null || isolate.slate.length === 0) return []
  const others = IdSet.of(idsOf(candidates.slice(skeleton.candidates.length)))
  const slate = isolate.slate.filter(({ postId }) => !others.has(postId) && !isAmong(skeleton.candidates, postId))
  return eligibleSponsored(slate, user, adsToday, NO_TOPICS)
}

const NO_TOPICS: ReadonlySet<string> = new Set()

/** Which of the slate's hashtags the page has: mostly its first posts have all of them, and no other is looked at. */
function interestsOf(items: readonly HydratedItem[], slate: readonly SlateEntry[]): ReadonlySet<string> {
  const open = new Set(slate.flatMap((entry) => entry.hashtags))
  const found = new Set<string>()
  for (const { post } of items) {
    if (open.size === 0) break
    for (const tag of post.hashtags) if (open.delete(tag)) found.add(tag)
  }
  return found
}

/** Those that fit the page come first. Sponsored posts go through the rules like any other. */
async function sponsoredItems(
  { items, viewer }: Filled,
  slate: readonly SlateEntry[],
  { adsToday }: Pick<FeedRead, 'adsToday'>,
  early: ReadonlyMap<Id, FeedPost | undefined>,
  ports: FeedPorts,
): Promise<HydratedItem[]> {
  if (adsToday === null || slate.length === 0) return []
  const chosen = eligibleSponsored(slate, viewer.id, adsToday, interestsOf(items, slate)).slice(0, MOST_ADS)
  const late = chosen.filter((entry) => !early.has(entry.postId)).map((entry) => entry.postId)
  const found = await hydrate(late, ports)
  const posts = chosen.map(({ postId }) => early.get(postId) ?? found[late.indexOf(postId)])
  const candidates = chosen.map(({ postId }): Candidate => ({ id: postId, reason: 'sponsored', relevance: 0 }))
  return applyRules(attach(candidates, posts, viewer.id), viewer)
}

/** A page of a hundred has eight slots. */
const MOST_ADS = 8
/** Sponsored posts hydrated along with the candidates, before it is known which of them fit the page. */
const EARLY_ADS = 12

/** The page's tag. Equal posts with nothing behind them, or now with something, are another page. */
export function feedTag({ items, viewer, cursor, isBeyond }: FeedPage): string {
  return pageTag(items, viewer, (cursor === null ? 0 : 1) + (isBeyond ? 2 : 0))
}
