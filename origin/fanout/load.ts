import { NEARLY_FULL } from './redis-memory.ts'

/**
 * How far fan-out is behind. While it is `busy`, readers who follow very many accounts come last; while it is `overloaded`, they
 * pull for themselves.
 */
export type Load = 'calm' | 'busy' | 'overloaded'

/** Events that wait to be pushed. Some seconds' work: an order among readers matters. */
const BUSY_FROM = 200
/** … and so much that somebody has to go without. */
const OVERLOADED_FROM = 2_000

/** @param waiting events that fan-out has still to push @param memory share of Redis' memory that is used */
export function loadOf(waiting: number, memory: number): Load {
  if (waiting > OVERLOADED_FROM || memory >= NEARLY_FULL) return 'overloaded'
  return waiting > BUSY_FROM ? 'busy' : 'calm'
}
