/** What may not be shown. One small named filter each; the pipeline names the one that dropped an item, for metrics. */
import type { Id } from '../ids.ts'
import type { Candidate, FeedPost, HydratedItem, Viewer } from './types.ts'

/** As much of an item, and of who looks, as says whether its author is hidden: a kept page has no more. */
export interface Authored {
  candidate: Pick<Candidate, 'reason'>
  post: Pick<FeedPost, 'authorId'>
}
type Hiding = Pick<Viewer, 'id' | 'hidden'>

export interface Rule {
  name: string
  /** True when this viewer may see the item. */
  allows(item: HydratedItem, viewer: Viewer): boolean
}

/** Whether an item stands there because of a follow, or is one's own. */
export const isFollowed = ({ candidate: { reason } }: Pick<Authored, 'candidate'>) =>
  reason === 'follow' || reason === 'celebrity' || reason === 'own'

/** Blocked either way, or muted: shown from no source. One's own posts are always one's own. */
export const notHidden = {
  name: 'hidden',
  allows: ({ post }: Authored, viewer: Hiding) =>
    !viewer.hidden.everywhere.has(post.authorId) || post.authorId === viewer.id,
} satisfies Rule

/** Unfollowed, and the purge may not be through: a post from a timeline is then not shown. */
export const notUnfollowed = {
  name: 'unfollowed',
  allows: (item: Authored, viewer: Hiding) => !(isFollowed(item) && viewer.hidden.unfollowed.has(item.post.authorId)),
} satisfies Rule

/** A private account's posts are its followers' alone. */
export const notPrivate: Rule = {
  name: 'private',
  allows: (item, viewer) => !item.post.authorPrivate || isFollowed(item) || item.post.authorId === viewer.id,
}

/** A post whose video is not ready is its author's alone. */
export const isReady: Rule = {
  name: 'awaiting-media',
  allows: ({ post }, viewer) => !post.awaitsMedia || post.authorId === viewer.id,
}

/**
 * Recommendations that were seen, liked or are one's own are no news. Followed posts are never filtered by "seen": the
 * filter may err, and a false positive may not hide a followed post (rule 8); ranking demotes them instead.
 */
export const isNews: Rule = {
  name: 'seen',
  allows: ({ candidate, post }, viewer) => {
    if (candidate.reason !== 'recommended' && candidate.reason !== 'trending' && candidate.reason !== 'tag') return true
    return post.authorId !== viewer.id && !viewer.liked.has(candidate.id) && !viewer.hasSeen(candidate.id)
  },
}

export const RULES: readonly Rule[] = [notHidden, notUnfollowed, notPrivate, isReady, isNews]

/** The items that every rule allows, in their order. `dropped` is told the rule's name, once an item. */
export function applyRules(
  items: readonly HydratedItem[],
  viewer: Viewer,
  dropped: (rule: string) => void = () => {},
  rules: readonly Rule[] = RULES,
): HydratedItem[] {
  return items.filter((item) => {
    for (const rule of rules) {
      if (rule.allows(item, viewer)) continue
      dropped(rule.name)
      return false
    }
    return true
  })
}

/**
 * Pairs candidates with their posts, which stand at the same places. Candidates without one are deleted or unknown, and left out. Whatever source a
 * viewer's own post came from, it is there because it is theirs.
 */
export function attach(
  candidates: readonly Candidate[],
  posts: readonly (FeedPost | undefined)[],
  viewer: Id,
): HydratedItem[] {
  const items: HydratedItem[] = []
  candidates.forEach((candidate, i) => {
    const post = posts[i]
    if (post === undefined) return
    items.push({ candidate: post.authorId === viewer ? { ...candidate, reason: 'own' } : candidate, post })
  })
  return items
}
