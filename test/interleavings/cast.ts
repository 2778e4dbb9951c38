/** Who takes part in a schedule, what they do, and the small numbers that make every threshold matter. */
import { FANOUT_POLICY, type FanoutPolicy } from '#core/fanout-policy.ts'
import { FEED_POLICY } from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'

/** Small numbers, so that every threshold is crossed many times. */
export const SMALL_POLICY: FanoutPolicy = {
  ...FANOUT_POLICY,
  celebrityAt: 3,
  ordinaryBelow: 2,
  inlineFollowers: 1,
  followersPerPage: 2,
  timelineLength: 4,
  timelineTrimAt: 5,
  hotReaderFollows: 1,
  authorLength: 3,
  unfollowedForMs: 60,
}
export const SMALL_FEED = { ...FEED_POLICY, windowSize: 3, pageSize: 2 }

/** Who takes part, and what they do in a hundred actions. */
export interface Cast {
  authors: readonly Id[]
  readers: readonly Id[]
  policy: Partial<FanoutPolicy>
  /** Chance that a step is followed by one more action. */
  haste: number
  does: Record<'post' | 'read' | 'readOwn' | 'change' | 'block' | 'delete' | 'purge' | 'expire', number>
}

export const CASTS: readonly Cast[] = [
  // Everybody and everything.
  {
    authors: ['11', '12', '13'],
    readers: ['21', '22', '23', '24'],
    policy: {},
    haste: 0.25,
    does: { post: 30, read: 22, readOwn: 4, change: 20, block: 4, delete: 4, purge: 6, expire: 6 },
  },
  // One timeline, pulled at from all sides.
  {
    authors: ['11', '12'],
    readers: ['21'],
    policy: { celebrityAt: 100 },
    haste: 0.4,
    does: { post: 38, read: 30, readOwn: 0, change: 8, block: 0, delete: 1, purge: 3, expire: 18 },
  },
  // Follows that are taken back before anybody has heard of them.
  {
    authors: ['11', '12'],
    readers: ['21'],
    policy: { celebrityAt: 100 },
    haste: 0.35,
    does: { post: 26, read: 26, readOwn: 0, change: 36, block: 2, delete: 0, purge: 6, expire: 2 },
  },
  // One author back and forth over the line.
  {
    authors: ['11'],
    readers: ['21', '22', '23', '24'],
    policy: { timelineLength: 6, timelineTrimAt: 8 },
    haste: 0.35,
    does: { post: 24, read: 26, readOwn: 2, change: 40, block: 0, delete: 2, purge: 2, expire: 4 },
  },
]
