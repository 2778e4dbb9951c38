import { type Call, type CommandSpec, read, write } from '../command.ts'
import { integerArg } from '../numbers.ts'
import { errors, type Reply, ReplyError } from '../reply.ts'
import { type RankSpan, type ScoredMember, SortedSet } from '../sorted-set.ts'
import { type BoundKind, type Bounds, parseBounds } from './zset-bounds.ts'
import { flatten } from './zsets.ts'

interface RangeQuery {
  readonly bounds: Bounds
  readonly reverse: boolean
  readonly withScores: boolean
  readonly offset: number
  /** Negative: no limit. */
  readonly count: number
}

/** What a command fixes; ZRANGE itself leaves kind and direction to its options. */
interface RangeForm {
  readonly kind?: BoundKind
  readonly reverse?: boolean
  readonly storing?: boolean
}

/** Parses `min max options…` from argv at `at`. */
function rangeQuery(argv: readonly string[], at: number, form: RangeForm): RangeQuery {
  let kind: BoundKind = form.kind ?? 'rank'
  let reverse = form.reverse ?? false
  let withScores = false
  let limit: [offset: number, count: number] | undefined
  const open = form.kind === undefined
  for (let i = at + 2; i < argv.length; i++) {
    const option = argv[i]!.toLowerCase()
    if (option === 'withscores' && !form.storing) withScores = true
    else if (option === 'limit' && i + 2 < argv.length) {
      limit = [integerArg(argv[i + 1]!), integerArg(argv[i + 2]!)]
      i += 2
    } else if (open && option === 'rev' && !reverse) reverse = true
    else if (open && option === 'byscore' && kind === 'rank') kind = 'score'
    else if (open && option === 'bylex' && kind === 'rank') kind = 'lex'
    else throw errors.syntax()
  }
  const [offset, count] = limit ?? [0, -1]
  if (count !== -1 && kind === 'rank') {
    throw new ReplyError('ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX')
  }
  if (withScores && kind === 'lex') {
    throw new ReplyError('ERR syntax error, WITHSCORES not supported in combination with BYLEX')
  }
  const swapped = reverse && kind !== 'rank'
  const [min, max] = swapped ? [argv[at + 1]!, argv[at]!] : [argv[at]!, argv[at + 1]!]
  return {
    bounds: parseBounds(kind, min, max, reverse),
    reverse,
    withScores,
    offset: kind === 'rank' ? 0 : offset,
    count: kind === 'rank' ? -1 : count,
  }
}

function select(zset: SortedSet, { bounds, reverse, offset, count }: RangeQuery): ScoredMember[] {
  return zset.slice(limited(bounds(zset), reverse, offset, count), reverse)
}

function limited({ start, end }: RankSpan, reverse: boolean, offset: number, count: number): RankSpan {
  if (offset < 0) return { start: 0, end: 0 }
  if (reverse) {
    const high = end - offset
    return { start: count < 0 ? start : Math.max(start, high - count), end: Math.max(start, high) }
  }
  const low = start + offset
  return { start: low, end: count < 0 ? end : Math.min(end, low + count) }
}

function range(form: RangeForm) {
  return ({ db }: Call, argv: readonly string[]): Reply => {
    const query = rangeQuery(argv, 2, form)
    const zset = db.read(argv[1]!, 'zset')
    return zset ? flatten(select(zset, query), query.withScores) : []
  }
}

function zrangestore({ engine, db }: Call, argv: readonly string[]): Reply {
  const query = rangeQuery(argv, 3, { storing: true })
  const source = db.read(argv[2]!, 'zset')
  const selected = source ? select(source, query) : []
  if (selected.length === 0) db.remove(argv[1]!)
  else {
    const target = new SortedSet(engine.random)
    for (const [member, score] of selected) target.set(member, score)
    db.put(argv[1]!, 'zset', target)
  }
  return selected.length
}

function count(kind: BoundKind) {
  return ({ db }: Call, argv: readonly string[]): Reply => {
    const bounds = parseBounds(kind, argv[2]!, argv[3]!)
    const zset = db.read(argv[1]!, 'zset')
    if (!zset) return 0
    const { start, end } = bounds(zset)
    return end - start
  }
}

function removeRange(kind: BoundKind) {
  return ({ db }: Call, argv: readonly string[]): Reply => {
    const bounds = parseBounds(kind, argv[2]!, argv[3]!)
    const zset = db.edit(argv[1]!, 'zset')
    if (!zset) return 0
    const doomed = zset.slice(bounds(zset))
    for (const [member] of doomed) zset.delete(member)
    if (doomed.length > 0) db.changed(argv[1]!)
    return doomed.length
  }
}

export const zsetRangeCommands: readonly CommandSpec[] = [
  read('zrange', -4, range({})),
  read('zrevrange', -4, range({ kind: 'rank', reverse: true })),
  read('zrangebyscore', -4, range({ kind: 'score' })),
  read('zrevrangebyscore', -4, range({ kind: 'score', reverse: true })),
  read('zrangebylex', -4, range({ kind: 'lex' })),
  read('zrevrangebylex', -4, range({ kind: 'lex', reverse: true })),
  write('zrangestore', -5, zrangestore, [1, 2, 1]),
  read('zcount', 4, count('score')),
  read('zlexcount', 4, count('lex')),
  write('zremrangebyrank', 4, removeRange('rank')),
  write('zremrangebyscore', 4, removeRange('score')),
  write('zremrangebylex', 4, removeRange('lex')),
]
