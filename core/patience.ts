/**
 * Milliseconds that a request at the edge waits for each of the stores and services behind it before it does without. What
 * stands in front of them must refuse well before: a refusal is an answer, silence is an outage and opens a breaker.
 */
export const EDGE_PATIENCE_MS = Object.freeze({
  /** A pipeline is one hop in the same region: 10 ms is slow, 50 ms is away (correctness 26). */
  redis: 50,
  /** The embedded engine answers one statement at a time: a queue of writes is not an outage. */
  database: 3_000,
  /** After this the primary is asked, for which the client still has patience. */
  replica: 1_000,
  /** Argon2 and a quorum write fit in; a client still has patience. */
  origin: 2_000,
})
