/** Which moves would even the databases out. */
import type { ShardRange } from '#core/shard-map.ts'

export interface Proposal extends ShardRange {
  readonly from: number
  readonly to: number
  /** What it would carry. */
  readonly weight: number
}

/** Databases that differ by less than this share of the mean are even enough. */
const TOLERANCE = 0.05

/**
 * Ranges from the ends of the fullest database's ranges to the emptiest, until all are near the mean. Few and contiguous:
 * each is one move.
 * @param owned the ranges of each database
 * @param weightOf of a logical shard, for example its people
 */
export function evenOut(owned: readonly (readonly ShardRange[])[], weightOf: (shard: number) => number): Proposal[] {
  const held = owned.map((ranges) => ranges.map((range) => ({ ...range })).sort((a, b) => a.first - b.first))
  const loads = held.map((ranges) => ranges.reduce((sum, range) => sum + weightIn(range, weightOf), 0))
  const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length
  const proposals: Proposal[] = []
  // Each brings one database near the mean.
  for (let i = 0; i < 2 * loads.length; i++) {
    const from = loads.indexOf(Math.max(...loads))
    const to = loads.indexOf(Math.min(...loads))
    const wanted = Math.min((loads[from] ?? 0) - mean, mean - (loads[to] ?? 0))
    if (wanted <= TOLERANCE * mean) break
    const cut = cutFrom(held[from] ?? [], wanted, weightOf)
    if (cut === null) break
    proposals.push({ ...cut, from, to })
    loads[from] = (loads[from] ?? 0) - cut.weight
    loads[to] = (loads[to] ?? 0) + cut.weight
  }
  return proposals
}

const weightIn = ({ first, last }: ShardRange, weightOf: (shard: number) => number): number => {
  let sum = 0
  for (let shard = first; shard <= last; shard++) sum += weightOf(shard)
  return sum
}

/** Takes about so much from the end of the last range, which gets shorter by it. */
function cutFrom(ranges: ShardRange[], wanted: number, weightOf: (shard: number) => number) {
  const range = ranges.pop()
  if (range === undefined) return null
  let weight = 0
  let first = range.last + 1
  while (first > range.first) {
    const next = weightOf(first - 1)
    // The nearer of the two sides of what is wanted, and one shard at least.
    if (weight > 0 && weight + next - wanted > wanted - weight) break
    weight += next
    first--
  }
  if (weight === 0) return null
  if (first > range.first) ranges.push({ first: range.first, last: first - 1 })
  return { first, last: range.last, weight }
}
