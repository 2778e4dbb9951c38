/** Blending: where recommended and sponsored posts stand among the followed ones. */
import type { Id } from '../ids.ts'
import { spreadAuthors } from './spread.ts'
import type { FeedPolicy, HydratedItem, RankedItem } from './types.ts'

/** A sponsored candidate of ads:slate, before hydration. */
export interface SlateEntry {
  campaignId: Id
  postId: Id
  authorId: Id
  bidCents: number
  perPersonPerDay: number
  hashtags: readonly string[]
}

const authorOf = ({ post }: HydratedItem): Id => post.authorId
const isRecommended = (item: HydratedItem) =>
  item.candidate.reason === 'recommended' || item.candidate.reason === 'trending' || item.candidate.reason === 'tag'

/**
 * Lets at most one in `recommendedEvery` of the page be a recommendation while there are followed posts left, and no author's
 * followed posts, nor recommended ones, follow each other more than twice; else both keep their order. Every item stays exactly once.
 */
export function paceRecommended(
  ranked: readonly RankedItem[],
  policy: Pick<FeedPolicy, 'recommendedEvery'>,
): RankedItem[] {
  const followed = spreadAuthors(
    ranked.filter((item) => !isRecommended(item)),
    authorOf,
  )
  const recommended = spreadAuthors(ranked.filter(isRecommended), authorOf)
  const paced: RankedItem[] = []
  let since = 0
  let f = 0
  let r = 0
  while (f < followed.length || r < recommended.length) {
    const nextFollowed = followed[f]
    const nextRecommended = recommended[r]
    const mayRecommend =
      nextRecommended !== undefined && (nextFollowed === undefined || since >= policy.recommendedEvery - 1)
    const earned = nextFollowed === undefined || (nextRecommended?.score ?? 0) >= nextFollowed.score * EARNS_ITS_SLOT
    if (mayRecommend && earned) {
      paced.push(nextRecommended)
      r++
      since = 0
    } else if (nextFollowed !== undefined) {
      paced.push(nextFollowed)
      f++
      since++
    }
  }
  return paced
}

/** A recommendation takes its slot when it scores at least this share of the followed post it would delay. */
const EARNS_ITS_SLOT = 0.5

/**
 * Sponsored entries this viewer may be shown: below the campaign's cap a day, not their own, one a post, highest bid
 * first, matching hashtags before others.
 */
export function eligibleSponsored(
  slate: readonly SlateEntry[],
  viewer: Id,
  shownToday: ReadonlyMap<Id, number>,
  interests: ReadonlySet<string>,
): SlateEntry[] {
  const relevant = (entry: SlateEntry) => (entry.hashtags.some((tag) => interests.has(tag)) ? 1 : 0)
  const posts = new Set<Id>()
  return slate
    .filter((entry) => entry.authorId !== viewer && (shownToday.get(entry.campaignId) ?? 0) < entry.perPersonPerDay)
    .sort((a, b) => relevant(b) - relevant(a) || b.bidCents - a.bidCents)
    .filter((entry) => !posts.has(entry.postId) && posts.add(entry.postId))
}

/**
 * Puts sponsored items into their slots of a page. A slot beyond the page's organic items stays empty: nobody's short
 * feed is made of advertisements. A post that is in the page already is not sponsored again.
 */
export function insertSponsored<T extends HydratedItem>(
  page: readonly T[],
  sponsored: readonly T[],
  policy: Pick<FeedPolicy, 'sponsoredFirstSlot' | 'sponsoredEvery'>,
): T[] {
  const shown = new Set(page.map((item) => item.candidate.id))
  const queue = sponsored.filter((item) => !shown.has(item.candidate.id))
  const out: T[] = []
  let slot = policy.sponsoredFirstSlot
  for (const item of page) {
    const next = queue[0]
    if (out.length === slot && next !== undefined) {
      out.push(next)
      queue.shift()
      slot += policy.sponsoredEvery
    }
    out.push(item)
  }
  return out
}
