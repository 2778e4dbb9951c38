/** Who looks: hidden authors, likes, impressions, and which authors the viewer has engaged with. */
import type { Candidate, FeedRead, HydratedItem, LikedRead, Viewer } from '#core/feed/index.ts'
import { type IdLookup, IdSet } from '#core/id-set.ts'
import { compareIds, firstIdAt, type Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { RedisAwayError } from '#core/redis.ts'
import type { Hidden } from '#core/timeline/index.ts'
import type { FeedPorts } from './ports.ts'

/** What is known of a viewer when Redis could not be read. */
export const unreadViewer = (): FeedRead => ({
  timeline: { floor: null, ids: [], reachedFloor: false },
  hidden: null,
  celebrities: null,
  liked: { posts: new IdSet(0), wholeFromMs: Number.POSITIVE_INFINITY },
  recommended: [],
  hasSeen: () => false,
  adsToday: null,
})

/** What was read of a viewer with the candidates. */
interface KnownViewer {
  read: Pick<FeedRead, 'liked' | 'hasSeen'>
  hidden: Hidden
}

export async function viewerOf(
  id: Id,
  known: KnownViewer & { candidates: readonly Candidate[] },
  ports: FeedPorts,
): Promise<Viewer & { likes: LikedRead }> {
  return withLikes(viewerSoFar(id, known), known.candidates, ports)
}

/** Asks nobody: older likes than the newest are not known yet, nor, before the posts are, whose they are (`affinityAmong`). */
export function viewerSoFar(id: Id, { read, hidden }: KnownViewer): Viewer & { likes: LikedRead } {
  const { liked, hasSeen } = read
  return { id, hidden, liked: liked.posts, likes: liked, hasSeen, affinity: () => 0 }
}

/**
 * How often the viewer liked each author among a page's own candidates. Of those every isolate knows the authors: counted over
 * whatever an isolate happens to hold, the order, and the tag with it, would change from one to the next.
 */
export function affinityAmong(items: readonly HydratedItem[], liked: IdLookup): (author: Id) => number {
  const engaged = new Map<Id, number>()
  for (const { candidate, post } of items) {
    if (liked.has(candidate.id)) engaged.set(post.authorId, (engaged.get(post.authorId) ?? 0) + 1)
  }
  return (author) => engaged.get(author) ?? 0
}

/**
 * Looks up likes that the newest ones do not settle: a post older than those may have been liked before. One pipeline,
 * and only for viewers with more likes than a feed reads.
 */
export async function withLikes<V extends Viewer>(
  viewer: V,
  candidates: readonly Candidate[],
  ports: FeedPorts,
): Promise<V> {
  const { likes } = viewer as V & { likes?: LikedRead }
  if (likes === undefined || !Number.isFinite(likes.wholeFromMs)) return viewer
  const wholeFrom = firstIdAt(Math.ceil(likes.wholeFromMs))
  const open = candidates.filter(({ id }) => compareIds(id, wholeFrom) < 0 && !viewer.liked.has(id))
  if (open.length === 0) return viewer
  try {
    const ids = open.map((candidate) => candidate.id)
    const [scores] = await ports.redis.pipeline([['ZMSCORE', keys.liked(viewer.id), ...ids]])
    if (!Array.isArray(scores)) return viewer
    const found = ids.filter((_, i) => scores[i] !== null)
    if (found.length === 0) return viewer
    const older = IdSet.of(found)
    return { ...viewer, liked: { has: (id) => viewer.liked.has(id) || older.has(id) } }
  } catch (error) {
    if (!(error instanceof RedisAwayError)) throw error
    ports.degraded('redis')
    return viewer
  }
}
