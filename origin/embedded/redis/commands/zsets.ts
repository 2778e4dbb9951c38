import { type Call, type CommandSpec, read, write } from '../command.ts'
import { floatArg, formatDouble, integer } from '../numbers.ts'
import { errors, type Reply, ReplyError } from '../reply.ts'
import { type ScoredMember, SortedSet } from '../sorted-set.ts'
import { type Pairs, randomPairs, scanPairs } from './pairs.ts'

const FLAGS = new Set(['nx', 'xx', 'gt', 'lt', 'ch', 'incr'])

interface AddRules {
  readonly flags: ReadonlySet<string>
  /** The score of a change; undefined = the rules forbid it. */
  decide(current: number | undefined, given: number): number | undefined
}

function addRules(flags: ReadonlySet<string>): AddRules {
  const [nx, xx, gt, lt] = ['nx', 'xx', 'gt', 'lt'].map((flag) => flags.has(flag))
  if (nx && xx) throw new ReplyError('ERR XX and NX options at the same time are not compatible')
  if ((gt && nx) || (lt && nx) || (gt && lt)) {
    throw new ReplyError('ERR GT, LT, and/or NX options at the same time are not compatible')
  }
  const decide = (current: number | undefined, given: number): number | undefined => {
    if (current === undefined) return xx ? undefined : given
    if (nx) return undefined
    const score = flags.has('incr') ? current + given : given
    if (Number.isNaN(score)) throw new ReplyError('ERR resulting score is not a number (NaN)')
    if ((gt && score <= current) || (lt && score >= current)) return undefined
    return score
  }
  return { flags, decide }
}

function zadd(call: Call, argv: readonly string[]): Reply {
  const flags = new Set<string>()
  let first = 2
  for (; first < argv.length; first++) {
    const option = argv[first]!.toLowerCase()
    if (!FLAGS.has(option)) break
    flags.add(option)
  }
  const pairs = argv.length - first
  if (pairs === 0 || pairs % 2 !== 0) throw errors.syntax()
  const rules = addRules(flags)
  if (flags.has('incr') && pairs > 2) throw new ReplyError('ERR INCR option supports a single increment-element pair')
  return addMembers(call, argv, first, rules)
}

/** Adds the `score member` pairs of argv from `first` on. */
function addMembers({ engine, db }: Call, argv: readonly string[], first: number, rules: AddRules): Reply {
  const key = argv[1]!
  const { flags, decide } = rules
  const scores: number[] = []
  for (let i = first; i < argv.length; i += 2) scores.push(floatArg(argv[i]!))
  const incr = flags.has('incr')
  let zset = db.edit(key, 'zset')
  if (!zset) {
    if (flags.has('xx')) return incr ? null : 0
    zset = db.editOrCreate(key, 'zset', () => new SortedSet(engine.random))
  }
  let added = 0
  let updated = 0
  let last: number | undefined
  for (let i = 0; i < scores.length; i++) {
    const member = argv[first + 2 * i + 1]!
    const current = zset.score(member)
    last = decide(current, scores[i]!)
    if (last === undefined || last === current) continue
    zset.set(member, last)
    if (current === undefined) added++
    else updated++
  }
  if (added + updated > 0) db.changed(key)
  if (incr) return last === undefined ? null : formatDouble(last)
  return flags.has('ch') ? added + updated : added
}

const INCREMENT = addRules(new Set(['incr']))

function zrem({ db }: Call, argv: readonly string[]): Reply {
  const zset = db.edit(argv[1]!, 'zset')
  if (!zset) return 0
  let removed = 0
  for (let i = 2; i < argv.length; i++) if (zset.delete(argv[i]!)) removed++
  if (removed > 0) db.changed(argv[1]!)
  return removed
}

function scoreReply(score: number | undefined): Reply {
  return score === undefined ? null : formatDouble(score)
}

function zmscore({ db }: Call, argv: readonly string[]): Reply {
  const zset = db.read(argv[1]!, 'zset')
  return argv.slice(2).map((member) => scoreReply(zset?.score(member)))
}

function rank(reverse: boolean) {
  return ({ db }: Call, argv: readonly string[]): Reply => {
    const withScore = argv[3] !== undefined
    if (argv.length > 4 || (withScore && argv[3]!.toLowerCase() !== 'withscore')) throw errors.syntax()
    const zset = db.read(argv[1]!, 'zset')
    const found = zset?.rank(argv[2]!)
    if (zset === undefined || found === undefined) return null
    const place = reverse ? zset.size - 1 - found : found
    return withScore ? [place, formatDouble(zset.score(argv[2]!)!)] : place
  }
}

function pop(highest: boolean) {
  return ({ db }: Call, argv: readonly string[]): Reply => {
    if (argv.length > 3) throw errors.syntax()
    const count = argv[2] === undefined ? 1 : integer(argv[2])
    if (count === undefined || count < 0) throw errors.notPositive()
    const zset = db.edit(argv[1]!, 'zset')
    if (!zset || count === 0) return []
    const start = highest ? Math.max(0, zset.size - count) : 0
    const taken = zset.slice({ start, end: Math.min(zset.size, start + count) }, highest)
    for (const [member] of taken) zset.delete(member)
    db.changed(argv[1]!)
    return flatten(taken, true)
  }
}

/** Members, each followed by its score if asked for. */
export function flatten(pairs: readonly ScoredMember[], withScores: boolean): string[] {
  const flat: string[] = []
  for (const [member, score] of pairs) {
    flat.push(member)
    if (withScores) flat.push(formatDouble(score))
  }
  return flat
}

function pairsOf({ db }: Call, key: string): Pairs | undefined {
  const zset = db.read(key, 'zset')
  return (
    zset && {
      size: zset.size,
      names: () => zset.members(),
      value: (member) => formatDouble(zset.score(member)!),
    }
  )
}

export const zsetCommands: readonly CommandSpec[] = [
  write('zadd', -4, zadd),
  write('zincrby', 4, (call, argv) => addMembers(call, argv, 2, INCREMENT)),
  write('zrem', -3, zrem),
  read('zscore', 3, ({ db }, argv) => scoreReply(db.read(argv[1]!, 'zset')?.score(argv[2]!))),
  read('zmscore', -3, zmscore),
  read('zcard', 2, ({ db }, argv) => db.read(argv[1]!, 'zset')?.size ?? 0),
  read('zrank', -3, rank(false)),
  read('zrevrank', -3, rank(true)),
  write('zpopmin', -2, pop(false)),
  write('zpopmax', -2, pop(true)),
  read('zscan', -3, (call, argv) => scanPairs(argv, () => pairsOf(call, argv[1]!))),
  read('zrandmember', -2, (call, argv) =>
    randomPairs(argv, 'withscores', () => pairsOf(call, argv[1]!), call.engine.random),
  ),
]
