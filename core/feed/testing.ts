/** For the feed's tests: posts, items and a viewer with nothing particular about them. */
import { leadOf } from '../id-set.ts'
import { compareIds, firstIdAt, ID_EPOCH_MS, type Id, idMs } from '../ids.ts'
import type { FeedPost, Reason, Viewer } from './index.ts'

export const NOW = 1_764_000_000_000
export const HOUR = 3_600_000
export const at = (ms: number, n = 0): Id => String(BigInt(firstIdAt(NOW + ms)) + BigInt(n))
/** As a post says when it was made. */
export const secondsAt = (ms: number): number => Math.floor((ms - ID_EPOCH_MS) / 1_000)
export const entry = (id: Id) => ({ id, ms: idMs(id) })
export const newestFirst = (ids: Iterable<Id>) => [...new Set(ids)].sort((a, b) => compareIds(b, a))

export const viewer = (over: Partial<Viewer> = {}): Viewer => ({
  id: '1',
  hidden: { everywhere: new Set(), unfollowed: new Set() },
  liked: new Set(),
  hasSeen: () => false,
  affinity: () => 0,
  ...over,
})
export const post = (over: Partial<FeedPost> = {}): FeedPost => ({
  id: at(0),
  lead: leadOf(over.id ?? at(0)),
  authorId: '9',
  authorName: 'ada',
  authorPrivate: false,
  seconds: secondsAt(NOW),
  hashtags: [],
  topic: over.hashtags?.[0],
  awaitsMedia: false,
  privateKeys: [],
  signedUntil: Number.POSITIVE_INFINITY,
  sign: () => {},
  digest: Number(BigInt(over.id ?? at(0)) & 0xffffffffn),
  size: 10,
  json: '{"id":"x"',
  likes: 0,
  comments: 0,
  count: () => {},
  touched: false,
  ...over,
})
export const item = (over: Partial<FeedPost> = {}, reason: Reason = 'follow', relevance = 0) => {
  const made = post(over)
  return { candidate: { id: made.id, reason, relevance }, post: made }
}
export const reasons: Reason[] = ['own', 'follow', 'celebrity', 'tag', 'recommended', 'trending', 'sponsored', 'seen']
export const idsOf = (items: readonly { post: FeedPost }[]) => items.map((one) => one.post.id)
