/** The one pipeline of a feed read: its commands, and what its replies say. */
import { FANOUT_POLICY } from '../fanout-policy.ts'
import { type IdLookup, IdSet } from '../id-set.ts'
import { type Id, idMs } from '../ids.ts'
import { keys, MARK, SENTINEL } from '../keys.ts'
import { type Command, hash, type Reply, scored, strings } from '../redis.ts'
import {
  type Celebrities,
  type Hidden,
  parseCelebrities,
  parseHidden,
  parseTimeline,
  readCelebrities,
  readHidden,
  readTimeline,
  readTimelineBelow,
  TIMELINE_REPLIES,
  type TimelineRead,
} from '../timeline/index.ts'
import { type SeenReader, seenReader } from './seen.ts'
import type { Candidate, FeedPolicy, Reason } from './types.ts'

/** The newest likes of a viewer. */
export interface LikedRead {
  posts: IdLookup
  /** Every like of a post made at or after this instant is among `posts`; Infinity when nothing is known. */
  wholeFromMs: number
}

export interface FeedRead {
  timeline: TimelineRead
  /** Null: unknown, rebuild before use. */
  hidden: Hidden | null
  celebrities: Celebrities | null
  liked: LikedRead
  recommended: Candidate[]
  hasSeen(post: Id): boolean
  /** Impressions by campaign; null when they could not be read. */
  adsToday: ReadonlyMap<Id, number> | null
}

/** How many members of the timeline are asked for: the window, and the mark if it is near. */
const asked = (policy: FeedPolicy) => policy.windowSize + 1

/** Commands of the first page. All keys carry the reader's hash tag: one node answers them. */
export function readFeed(user: Id, policy: FeedPolicy): Command[] {
  return [
    ...readTimeline(user, asked(policy)),
    ...readViewer(user, policy),
    ['ZRANGE', keys.rec(user), 0, policy.recommendedCandidates, 'REV', 'WITHSCORES'],
    ['HGETALL', keys.adcap(user)],
    ['GET', keys.seen(user)],
  ]
}

/** Commands of a later page: followed posts below an id, and the viewer. */
export function readFeedBelow(user: Id, below: Id, policy: FeedPolicy): Command[] {
  return [...readTimelineBelow(user, idMs(below), asked(policy)), ...readViewer(user, policy)]
}

/** What every page must know of its viewer: hidden authors, celebrities followed, likes. */
export function readViewer(user: Id, policy: FeedPolicy): Command[] {
  return [
    readHidden(user),
    readCelebrities(user),
    ['ZRANGE', keys.liked(user), 0, policy.likedRead, 'REV'],
    ['ZRANGE', keys.liked(user), policy.likedRead, policy.likedRead, 'REV', 'WITHSCORES'],
    ['ZSCORE', keys.liked(user), MARK],
  ]
}

/** Commands for what comes after the last followed post. */
export function readBeyond(user: Id, policy: FeedPolicy): Command[] {
  return [
    ['ZRANGE', keys.rec(user), 0, policy.beyondCandidates, 'REV', 'WITHSCORES'],
    ['ZRANGE', keys.trend('posts'), 0, policy.beyondCandidates, 'REV', 'WITHSCORES'],
    ['GET', keys.seen(user)],
  ]
}

/** What there is from outside the followed: of the reader's own recommendations, what is trending, the newest, in this order. */
export interface Beyond {
  unseen: Candidate[]
  /** What was seen longest ago first, as far as the filters tell it. */
  seen: Candidate[]
}

/** Reads the replies of `readBeyond`; each post once. */
export function parseBeyond(replies: readonly Reply[], policy: FeedPolicy): Beyond {
  const [recommended, trending, filters] = replies
  const { hasSeen, lately } = parseSeenBy(filters)
  const candidates = new Map<Id, Candidate>()
  const add = (candidate: Candidate) => candidates.has(candidate.id) || candidates.set(candidate.id, candidate)
  parseRecommended(recommended).forEach(add)
  for (const [id] of scored(trending)) if (id !== SENTINEL) add({ id, reason: 'trending', relevance: 0 })
  const all = [...candidates.values()]
  const seen = all.filter(({ id }) => hasSeen(id)).map(({ id }): Candidate => ({ id, reason: 'seen', relevance: 0 }))
  return {
    unseen: all.filter(({ id }) => !hasSeen(id)).slice(0, policy.beyondCandidates),
    seen: [...seen.filter(({ id }) => !lately(id)), ...seen.filter(({ id }) => lately(id))],
  }
}

const NOTHING_SEEN: SeenReader = { hasSeen: () => false, lately: () => false }
const parseSeenBy = (reply: Reply | undefined): SeenReader =>
  (typeof reply === 'string' ? seenReader(reply) : null) ?? NOTHING_SEEN

/** How many replies `readViewer` has. */
const VIEWER_REPLIES = 5
/** How many replies `readFeedBelow` has. */
export const FEED_BELOW_REPLIES = TIMELINE_REPLIES + VIEWER_REPLIES

/** What `readViewer` tells. */
export type ViewerRead = Pick<FeedRead, 'hidden' | 'celebrities' | 'liked'>

/** Reads the replies of `readViewer`. */
export function parseViewer(replies: readonly Reply[], nowMs: number): ViewerRead {
  const [hidden, celebrities, ...liked] = replies
  return {
    hidden: parseHidden(hidden),
    celebrities: parseCelebrities(celebrities, nowMs, FANOUT_POLICY.celebsMaxAgeMs),
    liked: parseLiked(liked, nowMs),
  }
}

/** Reads the replies of `readFeed`, or of `readFeedBelow`, whose last three are missing. */
export function parseFeed(replies: readonly Reply[], nowMs: number, policy: FeedPolicy): FeedRead {
  const [recommended, adsToday, seen] = replies.slice(FEED_BELOW_REPLIES)
  return {
    timeline: parseTimeline(replies, asked(policy)),
    ...parseViewer(replies.slice(TIMELINE_REPLIES), nowMs),
    recommended: parseRecommended(recommended),
    adsToday: new Map(Object.entries(hash(adsToday) ?? {}).map(([campaign, n]) => [campaign, Number(n)])),
    hasSeen: parseSeenBy(seen).hasSeen,
  }
}

/**
 * Of the scores only the last one tells something, and a hundred would be half of the reply: it is asked for apart. Where
 * somebody came in between, that one is another's, and of everything that is not there it has to be asked.
 */
function parseLiked([members, last, mark]: readonly Reply[], nowMs: number): LikedRead {
  const liked = strings(members)
  const posts = IdSet.of(liked.filter((id) => id !== MARK))
  if (mark === null || mark === undefined) return { posts, wholeFromMs: Number.POSITIVE_INFINITY }
  const [[id, score] = []] = scored(last)
  if (id === undefined || score === undefined) return { posts, wholeFromMs: Number(mark) }
  return { posts, wholeFromMs: id === liked.at(-1) ? Math.max(score + 1, Number(mark)) : nowMs }
}

const FOUND_BY: readonly Reason[] = ['recommended', 'tag', 'trending']

function parseRecommended(reply: Reply | undefined): Candidate[] {
  const candidates: Candidate[] = []
  for (const [member, score] of scored(reply)) {
    if (member === SENTINEL) continue
    const colon = member.indexOf(':')
    const found = member.slice(colon + 1)
    const reason = FOUND_BY.find((known) => known === found)
    if (colon > 0 && reason !== undefined) {
      candidates.push({ id: member.slice(0, colon), reason, relevance: Math.min(1, Math.max(0, score)) })
    }
  }
  return candidates
}
