/** The one pipeline of a feed read: its commands, and what its replies say. */
import { FANOUT_POLICY } from '../fanout-policy.ts'
import { type Id, idMs } from '../ids.ts'
import { keys, MARK, SENTINEL } from '../keys.ts'
import { type Command, hash, type Reply, scored } from '../redis.ts'
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
  type TimelineRead,
} from '../timeline/index.ts'
import { seenReader } from './seen.ts'
import type { Candidate, FeedPolicy, Reason } from './types.ts'

/** The newest likes of a viewer. */
export interface LikedRead {
  posts: ReadonlySet<Id>
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
    ['ZRANGE', keys.liked(user), 0, policy.likedRead, 'REV', 'WITHSCORES'],
    ['ZSCORE', keys.liked(user), MARK],
  ]
}

/** How many replies `readFeedBelow` has. */
export const FEED_BELOW_REPLIES = 7

/** Reads the replies of `readFeed`, or of `readFeedBelow`, whose last three are missing. */
export function parseFeed(replies: readonly Reply[], nowMs: number, policy: FeedPolicy): FeedRead {
  const seen = typeof replies[9] === 'string' ? seenReader(replies[9]) : null
  return {
    timeline: parseTimeline(replies[0], replies[1], asked(policy)),
    hidden: parseHidden(replies[3]),
    celebrities: parseCelebrities(replies[4], nowMs, FANOUT_POLICY.celebsMaxAgeMs),
    liked: parseLiked(replies[5], replies[6], policy.likedRead + 1),
    recommended: parseRecommended(replies[7]),
    adsToday: new Map(Object.entries(hash(replies[8]) ?? {}).map(([campaign, n]) => [campaign, Number(n)])),
    hasSeen: seen ?? (() => false),
  }
}

function parseLiked(members: Reply | undefined, mark: Reply | undefined, n: number): LikedRead {
  const posts = new Set<Id>()
  let oldest = Number.POSITIVE_INFINITY
  let count = 0
  for (const [post, ms] of scored(members)) {
    count++
    oldest = ms
    if (post !== MARK) posts.add(post)
  }
  if (mark === null || mark === undefined) return { posts, wholeFromMs: Number.POSITIVE_INFINITY }
  return { posts, wholeFromMs: count < n ? Number(mark) : Math.max(oldest + 1, Number(mark)) }
}

const REASONS: Record<string, Reason> = { recommended: 'recommended', tag: 'tag', trending: 'trending' }

function parseRecommended(reply: Reply | undefined): Candidate[] {
  const candidates: Candidate[] = []
  for (const [member, score] of scored(reply)) {
    if (member === SENTINEL) continue
    const colon = member.indexOf(':')
    const reason = REASONS[member.slice(colon + 1)]
    if (colon > 0 && reason !== undefined) {
      candidates.push({ id: member.slice(0, colon), reason, relevance: Math.min(1, Math.max(0, score)) })
    }
  }
  return candidates
}
