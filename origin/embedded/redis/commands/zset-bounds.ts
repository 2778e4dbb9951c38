import { float, integerArg } from '../numbers.ts'
import { ReplyError } from '../reply.ts'
import type { SkipNode } from '../skip-list.ts'
import type { RankSpan, SortedSet } from '../sorted-set.ts'
import { clampRange } from './lists.ts'

/** The ways to bound a part of a sorted set: by rank, by score, by member where all scores are equal. */
export type BoundKind = 'rank' | 'score' | 'lex'

/** Parsed bounds: asked for the span of ranks they cover in a given sorted set. */
export type Bounds = (zset: SortedSet) => RankSpan

type Test = (node: SkipNode) => boolean

/** Parses bounds in ascending order (`min` first); throws the error of the kind. */
export function parseBounds(kind: BoundKind, min: string, max: string, reverse = false): Bounds {
  if (kind === 'rank') return rankBounds(min, max, reverse)
  const [low, high] = kind === 'score' ? [scoreBound(min), scoreBound(max)] : [lexBound(min), lexBound(max)]
  return (zset) => {
    const start = zset.countWhile(low.isBelow)
    return { start, end: Math.max(start, zset.countWhile(high.isUpTo)) }
  }
}

function rankBounds(first: string, last: string, reverse: boolean): Bounds {
  const start = integerArg(first)
  const stop = integerArg(last)
  return (zset) => {
    const [from, end] = clampRange(start, stop, zset.size)
    if (from >= end) return { start: 0, end: 0 }
    return reverse ? { start: zset.size - end, end: zset.size - from } : { start: from, end }
  }
}

interface Bound {
  /** The element lies before this bound, taken as the lower one. */
  readonly isBelow: Test
  /** The element does not lie beyond this bound, taken as the upper one. */
  readonly isUpTo: Test
}

function scoreBound(text: string): Bound {
  const exclusive = text.startsWith('(')
  const digits = exclusive ? text.slice(1) : text
  // strtod reads nothing as 0.
  const value = digits === '' ? 0 : float(digits)
  if (value === undefined) throw new ReplyError('ERR min or max is not a float')
  return exclusive
    ? { isBelow: (node) => node.score <= value, isUpTo: (node) => node.score < value }
    : { isBelow: (node) => node.score < value, isUpTo: (node) => node.score <= value }
}

function lexBound(text: string): Bound {
  if (text === '-') return { isBelow: () => false, isUpTo: () => false }
  if (text === '+') return { isBelow: () => true, isUpTo: () => true }
  const value = text.slice(1)
  if (text.startsWith('[')) return { isBelow: (node) => node.member < value, isUpTo: (node) => node.member <= value }
  if (text.startsWith('(')) return { isBelow: (node) => node.member <= value, isUpTo: (node) => node.member < value }
  throw new ReplyError('ERR min or max not valid string range item')
}
