/**
 * How far a replica of Postgres may be behind and for how long a look at it counts. Origin and edge hold to the same
 * figures: the origin looks, and tells the edge through Redis.
 */

/** Milliseconds. A read that may lag shows what was committed `maxLagMs + verdictMs` ago, or later than that: two seconds. */
export const REPLICA_LIMITS = Object.freeze({
  /** One that is further behind is not read. */
  maxLagMs: 500,
  /** Between two looks. */
  lookEveryMs: 500,
  /** A look counts for so long: without a newer one nobody knows, and the primary is read. */
  verdictMs: 1_500,
  /** Of these, how long an isolate of the edge goes by what it was told: Redis forgets it so much sooner. */
  isolateMs: 500,
  /**
   * After a write its author's reads go to the primary. Counted from the beginning of the request, of which a commit may be
   * the last thing: some three seconds for each of a few statements, then the two seconds above.
   */
  ownWriteMs: 15_000,
})

/** Places, in the order of the databases, whose replicas may be read: the value of the key `replicas`. */
export const formatUsable = (databases: readonly number[]): string => databases.join(',')

export function parseUsable(text: unknown): number[] {
  return typeof text === 'string' && /^\d+(,\d+)*$/.test(text) ? text.split(',').map(Number) : []
}
