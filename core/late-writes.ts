/**
 * Writes that were answered 202 and wait in the edge queue. One may be deleted before it comes: then a tombstone is left under
 * its id, and it finds its place taken when it does come.
 */
import { type Id, idMs, idShard } from './ids.ts'

/**
 * How late a write may come: a day under its idempotency key, and in the queue for most of another (correctness 19 and 21).
 * What replays later than this finds no keys either.
 */
export const LATEST_MS = 3 * 86_400_000

/** Clocks of isolates and origins differ by less. */
const AHEAD_MS = 60_000

/**
 * Whether something of this owner's under an id that nobody has may still be on its way: the id carries the owner's shard, and
 * is not older than what comes late.
 */
export function mayBeOnItsWay(id: Id, owner: Id, nowMs: number): boolean {
  const ageMs = nowMs - idMs(id)
  return idShard(id) === idShard(owner) && ageMs < LATEST_MS && ageMs > -AHEAD_MS
}
