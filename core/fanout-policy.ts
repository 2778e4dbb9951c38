/** The constants of hybrid fan-out, each with its reason. A deployment may lower the thresholds (the demo does). */
export interface FanoutPolicy {
  readonly celebrityAt: number
  readonly ordinaryBelow: number
  readonly inlineFollowers: number
  readonly followersPerPage: number
  readonly timelineLength: number
  readonly timelineTrimAt: number
  readonly hotReaderFollows: number
  readonly celebritiesPerRead: number
  readonly replayWindowMs: number
  readonly celebsMaxAgeMs: number
  readonly unfollowedForMs: number
  readonly authorLength: number
}

export const FANOUT_POLICY: FanoutPolicy = Object.freeze({
  /** From this many followers on, a push costs more than the merges it saves. */
  celebrityAt: 10_000,
  /** Hysteresis: an author at the line must not flap between push and pull. */
  ordinaryBelow: 9_000,
  /** Small authors are fanned out in the handler: a message of its own would cost more than the work. */
  inlineFollowers: 1_000,
  /** One fanout.page message: two pipelines of this many commands, a few milliseconds of one Redis node. */
  followersPerPage: 1_000,
  /** A reader seldom scrolls further; Mastodon holds 400 to 800. Below it pages come from Postgres. */
  timelineLength: 800,
  /** Trimming is amortised: only a timeline this long pays for the script. */
  timelineTrimAt: 1_000,
  /** Readers who follow more are pulled from their most engaged authors; a push to them may be shed. */
  hotReaderFollows: 2_000,
  /** More celebrities than this are read from Postgres as one list: bounds the merge of one read. */
  celebritiesPerRead: 200,
  /** Redis may lose acknowledged writes in a failover: events from so long before its last heartbeat are published again. */
  replayWindowMs: 120_000,
  /** celebs:{u} is rebuilt when older, which is how demoted authors leave it. */
  celebsMaxAgeMs: 3_600_000,
  /** A hidden entry of an unfollow outlives pushes that were on their way. */
  unfollowedForMs: 300_000,
  /** Recent posts kept for pull under author:<a>. */
  authorLength: 200,
})
