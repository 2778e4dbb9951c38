/**
 * Ranking: a logistic model over engagement, recency, relevance and affinity scores each item, then a greedy pass spreads
 * authors and topics. The weights are parameters; the nightly job trains them, these are where it starts.
 */
import { compareIds, ID_EPOCH_MS } from '../ids.ts'
import type { HydratedItem, RankedItem, Viewer } from './types.ts'

export interface RankModel {
  /** Version of the weights, for the log. */
  version: string
  bias: number
  /** Per natural logarithm of one plus the count. */
  likes: number
  comments: number
  /** Per half-life of age: negative. */
  age: number
  halfLifeHours: number
  /** For the source's own score in [0, 1]. */
  relevance: number
  /** Per natural logarithm of one plus the engagements with the author. */
  affinity: number
  /** For a post the viewer has been shown: negative, but never a ban. */
  seen: number
  /** For a post from outside the followed. */
  unfollowed: number
  /** For one's own post, which one knows. */
  own: number
  /** For one's own post of the last hour, which one looks for. */
  ownFresh: number
}

export const DEFAULT_MODEL: RankModel = Object.freeze({
  version: 'default-1',
  bias: -1,
  likes: 0.35,
  comments: 0.25,
  age: -0.9,
  halfLifeHours: 12,
  relevance: 1.2,
  affinity: 0.6,
  seen: -1.5,
  unfollowed: -0.7,
  own: -0.5,
  ownFresh: 6,
})

/**
 * How a repeated author or topic is damped: floor + (1 − floor) · decay^n for the n-th repetition, the form that Twitter
 * published for author diversity (the-algorithm, 2023, with floor 0.25 and decay 0.5).
 */
export interface DiversityPolicy {
  authorDecay: number
  authorFloor: number
  topicDecay: number
  topicFloor: number
}

const DIVERSITY: DiversityPolicy = Object.freeze({
  authorDecay: 0.5,
  authorFloor: 0.25,
  topicDecay: 0.8,
  topicFloor: 0.6,
})

const HOUR_MS = 3_600_000

/** Probability that the viewer engages with the item, in (0, 1). */
export function score(item: HydratedItem, viewer: Viewer, nowMs: number, model: RankModel): number {
  const { post, candidate } = item
  const isOwn = candidate.reason === 'own' || post.authorId === viewer.id
  const ageHours = Math.max(0, nowMs - ID_EPOCH_MS - post.seconds * 1_000) / HOUR_MS
  let z = model.bias
  z += model.likes * logOfCount(post.likes) + model.comments * logOfCount(post.comments)
  z += model.age * Math.log2(1 + ageHours / model.halfLifeHours)
  z += model.relevance * candidate.relevance
  z += model.affinity * logOfCount(viewer.affinity(post.authorId))
  if (isOwn) z += model.own + (ageHours < 1 ? model.ownFresh : 0)
  else if (candidate.reason !== 'follow' && candidate.reason !== 'celebrity') z += model.unfollowed
  if (!isOwn && viewer.hasSeen(candidate.id)) z += model.seen
  return 1 / (1 + Math.exp(-z))
}

/** Natural logarithms of one plus the counts that most posts have: four a candidate would be a tenth of ranking. */
const LOGS = Float64Array.from({ length: 1_024 }, (_, count) => Math.log1p(count))
const logOfCount = (count: number): number => LOGS[count] ?? Math.log1p(count)

/** All items, each exactly once, best first, with authors and topics spread. Ties go to the newer post. */
export function rank(
  items: readonly HydratedItem[],
  viewer: Viewer,
  nowMs: number,
  model: RankModel = DEFAULT_MODEL,
  diversity: DiversityPolicy = DIVERSITY,
): RankedItem[] {
  const scored = items.map((item) => ({
    candidate: item.candidate,
    post: item.post,
    score: score(item, viewer, nowMs, model),
  }))
  scored.sort(best)
  return spread(scored, diversity)
}

const best = (a: RankedItem, b: RankedItem) => b.score - a.score || compareIds(b.post.id, a.post.id)

/**
 * One pass in the order of the plain scores: each item is damped by how often its author and topic stood before it, then
 * sorted again. O(n log n). Nothing rises above a better post of its own author: a worn-out topic would otherwise let the
 * author's lesser posts pass.
 */
function spread(sorted: RankedItem[], policy: DiversityPolicy): RankedItem[] {
  /** Of the author's next post: how much of its score is left beyond the floor, and what it may be at most. */
  const authors = new Map<string, { left: number; ceiling: number }>()
  const topics = new Map<string, { left: number }>()
  for (const item of sorted) {
    const { authorId, topic } = item.post
    let author = authors.get(authorId)
    if (author === undefined) {
      author = { left: 1, ceiling: Number.POSITIVE_INFINITY }
      authors.set(authorId, author)
    }
    let damped = item.score * (policy.authorFloor + (1 - policy.authorFloor) * author.left)
    author.left *= policy.authorDecay
    if (topic !== undefined) {
      let spent = topics.get(topic)
      if (spent === undefined) {
        spent = { left: 1 }
        topics.set(topic, spent)
      }
      damped *= policy.topicFloor + (1 - policy.topicFloor) * spent.left
      spent.left *= policy.topicDecay
    }
    item.score = Math.min(damped, author.ceiling)
    author.ceiling = item.score
  }
  // Stable: equal scores keep the order from before, newer first.
  return sorted.sort((a, b) => b.score - a.score)
}
