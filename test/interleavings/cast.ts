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

/** Who takes part, what they do, and how. */
export interface Cast {
  authors: readonly Id[]
  readers: readonly Id[]
  policy: Partial<FanoutPolicy>
  /** Chance that a reader follows an author from the start. */
  followed: number
  /** How many things they do in one schedule. */
  actions: number
  /** Chance that a step is followed by one more action. */
  haste: number
  /** For how many steps of others one step may stall, at most. */
  longestStall: number
  /** Share of the events that lie in the queue for long. */
  late: number
  /** What they do in a hundred actions; what is left of the hundred is waiting. */
  does: Record<'post' | 'read' | 'readOwn' | 'change' | 'block' | 'delete' | 'purge' | 'expire', number>
}

/** Longer than most of what others do takes: here hide the races. */
const STALL = 60
const LONG_STALL = 200
const LATE = 0.1

const NOTHING = { post: 0, read: 0, readOwn: 0, change: 0, block: 0, delete: 0, purge: 0, expire: 0 }

export const CASTS = {
  /** Everybody and everything. */
  everybody: {
    authors: ['11', '12', '13'],
    readers: ['21', '22', '23', '24'],
    policy: {},
    followed: 0.4,
    actions: 24,
    haste: 0.25,
    longestStall: STALL,
    late: LATE,
    does: { post: 30, read: 22, readOwn: 4, change: 20, block: 4, delete: 4, purge: 6, expire: 6 },
  },
  /** One timeline, pulled at from all sides. */
  oneTimeline: {
    authors: ['11', '12'],
    readers: ['21'],
    policy: { celebrityAt: 100 },
    followed: 0.8,
    actions: 24,
    haste: 0.4,
    longestStall: STALL,
    late: LATE,
    does: { ...NOTHING, post: 38, read: 30, change: 8, delete: 1, purge: 3, expire: 18 },
  },
  /** A timeline that dies while it is rebuilt, and is rebuilt again beside that. */
  deaths: {
    authors: ['11'],
    readers: ['21'],
    policy: { celebrityAt: 100, timelineLength: 8, timelineTrimAt: 12 },
    followed: 1,
    actions: 24,
    haste: 0.5,
    longestStall: STALL,
    late: LATE,
    does: { ...NOTHING, post: 34, read: 40, expire: 24 },
  },
  /** Follows that are taken back before anybody has heard of them. */
  secondThoughts: {
    authors: ['11', '12'],
    readers: ['21'],
    policy: { celebrityAt: 100 },
    followed: 0.8,
    actions: 24,
    haste: 0.35,
    longestStall: STALL,
    late: LATE,
    does: { ...NOTHING, post: 26, read: 26, change: 36, block: 2, purge: 6, expire: 2 },
  },
  /** Follows that end, and are purged, while posts are on their way for long. */
  farewells: {
    authors: ['11'],
    readers: ['21'],
    policy: { celebrityAt: 100, timelineLength: 8, timelineTrimAt: 12, unfollowedForMs: 60_000 },
    followed: 1,
    actions: 24,
    haste: 0.4,
    longestStall: LONG_STALL,
    late: LATE,
    does: { ...NOTHING, post: 34, read: 24, change: 24, purge: 16 },
  },
  /** One author back and forth over the line. */
  theLine: {
    authors: ['11'],
    readers: ['21', '22', '23', '24'],
    policy: { timelineLength: 6, timelineTrimAt: 8 },
    followed: 0.4,
    actions: 24,
    haste: 0.35,
    longestStall: STALL,
    late: LATE,
    does: { post: 24, read: 26, readOwn: 2, change: 40, block: 0, delete: 2, purge: 2, expire: 4 },
  },
  /** One author for whom each follow is a crossing. */
  flapping: {
    authors: ['11'],
    readers: ['21', '22'],
    policy: { celebrityAt: 2, ordinaryBelow: 2, timelineLength: 8, timelineTrimAt: 12 },
    followed: 1,
    actions: 30,
    haste: 0.3,
    longestStall: LONG_STALL,
    late: 0.4,
    does: { ...NOTHING, post: 28, read: 44, change: 24 },
  },
} satisfies Record<string, Cast>

export type CastName = keyof typeof CASTS
