import { type Call, type CommandSpec, NO_KEYS, read, write } from '../command.ts'
import type { Database } from '../keyspace.ts'
import { floatArg, integer, integerArg } from '../numbers.ts'
import { errors, type Reply, ReplyError } from '../reply.ts'
import { SortedSet } from '../sorted-set.ts'
import { flatten } from './zsets.ts'

type Operation = 'union' | 'inter' | 'diff'
type Aggregate = (a: number, b: number) => number

const aggregates: Readonly<Record<string, Aggregate>> = {
  // ∞ + −∞ counts as 0, as in the server.
  sum: (a, b) => a + b || 0,
  min: Math.min,
  max: Math.max,
}

interface Query {
  readonly inputs: readonly ReadonlyMap<string, number>[]
  readonly weights: readonly number[]
  readonly aggregate: Aggregate
  readonly withScores: boolean
  /** ZINTERCARD only; 0 = none. */
  readonly limit: number
}

/** The form of a command: which options it takes, and where `numkeys` stands. */
interface Form {
  readonly name: string
  readonly operation: Operation
  readonly output: 'reply' | 'store' | 'card'
}

/** Members with scores; a plain set counts 1 each. */
function input(db: Database, key: string): ReadonlyMap<string, number> {
  const stored = db.get(key)
  if (!stored) return new Map()
  if (stored.type === 'zset') return new Map(db.read(key, 'zset')!)
  const scores = new Map<string, number>()
  for (const member of db.read(key, 'set') ?? []) scores.set(member, 1)
  return scores
}

function parse(db: Database, argv: readonly string[], form: Form): Query {
  const at = form.output === 'store' ? 2 : 1
  const count = integerArg(argv[at]!)
  if (count < 1) throw new ReplyError(`ERR at least 1 input key is needed for '${form.name}' command`)
  if (count > argv.length - at - 1) throw errors.syntax()
  const inputs = argv.slice(at + 1, at + 1 + count).map((key) => input(db, key))
  let weights: number[] = []
  let aggregate = aggregates.sum!
  let withScores = false
  let limit = 0
  for (let i = at + 1 + count; i < argv.length; i++) {
    const option = argv[i]!.toLowerCase()
    const weighable = form.operation !== 'diff' && form.output !== 'card'
    if (weighable && option === 'weights' && argv.length - i > count) {
      const error = () => new ReplyError('ERR weight value is not a float')
      weights = argv.slice(i + 1, i + 1 + count).map((weight) => floatArg(weight, error))
      i += count
    } else if (weighable && option === 'aggregate' && i + 1 < argv.length) {
      const name = argv[++i]!.toLowerCase()
      if (!Object.hasOwn(aggregates, name)) throw errors.syntax()
      aggregate = aggregates[name]!
    } else if (form.output === 'reply' && option === 'withscores') withScores = true
    else if (form.output === 'card' && option === 'limit' && i + 1 < argv.length) {
      limit = integer(argv[++i]!) ?? -1
      if (limit < 0) throw new ReplyError("ERR LIMIT can't be negative")
    } else throw errors.syntax()
  }
  return { inputs, weights, aggregate, withScores, limit }
}

function combine({ inputs, weights, aggregate }: Query, operation: Operation): Map<string, number> {
  const result = new Map<string, number>()
  const [first = new Map<string, number>(), ...rest] = inputs
  // 0 × ∞ counts as 0.
  const weighed = (score: number, index: number) => score * (weights[index] ?? 1) || 0
  if (operation === 'diff') {
    for (const [member, score] of first) if (!rest.some((other) => other.has(member))) result.set(member, score)
    return result
  }
  inputs.forEach((scores, index) => {
    for (const [member, score] of scores) {
      const sofar = result.get(member)
      if (sofar !== undefined) result.set(member, aggregate(sofar, weighed(score, index)))
      else if (operation === 'union' || inputs.every((other) => other.has(member))) {
        result.set(member, weighed(score, index))
      }
    }
  })
  return result
}

function algebra(form: Form) {
  return ({ engine, db }: Call, argv: readonly string[]): Reply => {
    const query = parse(db, argv, form)
    const result = combine(query, form.operation)
    if (form.output === 'card') return query.limit === 0 ? result.size : Math.min(query.limit, result.size)
    const sorted = new SortedSet(engine.random)
    for (const [member, score] of result) sorted.set(member, score)
    if (form.output === 'reply') return flatten([...sorted], query.withScores)
    if (sorted.size === 0) db.remove(argv[1]!)
    else db.put(argv[1]!, 'zset', sorted)
    return sorted.size
  }
}

function family(operation: Operation): CommandSpec[] {
  const name = `z${operation}`
  return [
    read(name, -3, algebra({ name, operation, output: 'reply' }), NO_KEYS),
    write(`${name}store`, -4, algebra({ name: `${name}store`, operation, output: 'store' })),
  ]
}

export const zsetAlgebraCommands: readonly CommandSpec[] = [
  ...family('union'),
  ...family('inter'),
  ...family('diff'),
  read('zintercard', -3, algebra({ name: 'zintercard', operation: 'inter', output: 'card' }), NO_KEYS),
]
