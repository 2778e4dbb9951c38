import { ALL_KEYS, type Call, type CommandSpec, read, write } from '../command.ts'
import type { Database } from '../keyspace.ts'
import { integer, integerArg } from '../numbers.ts'
import { errors, type Reply, ReplyError } from '../reply.ts'
import { cursorArg, scanOptions, scanPage } from '../scan.ts'
import { randomPicks } from './random-picks.ts'

const EMPTY: ReadonlySet<string> = new Set()

type Operation = 'inter' | 'union' | 'diff'

function sadd({ db }: Call, argv: readonly string[]): Reply {
  const set = db.editOrCreate(argv[1]!, 'set', () => new Set())
  const before = set.size
  for (let i = 2; i < argv.length; i++) set.add(argv[i]!)
  if (set.size > before) db.changed(argv[1]!)
  return set.size - before
}

function srem({ db }: Call, argv: readonly string[]): Reply {
  const set = db.edit(argv[1]!, 'set')
  if (!set) return 0
  const before = set.size
  for (let i = 2; i < argv.length; i++) set.delete(argv[i]!)
  if (set.size < before) db.changed(argv[1]!)
  return before - set.size
}

function smismember({ db }: Call, argv: readonly string[]): Reply {
  const set = db.read(argv[1]!, 'set')
  return argv.slice(2).map((member) => Number(set?.has(member) ?? false))
}

function spop({ engine, db }: Call, argv: readonly string[]): Reply {
  if (argv.length > 3) throw errors.syntax()
  const count = argv[2] === undefined ? undefined : integer(argv[2])
  if (argv[2] !== undefined && (count === undefined || count < 0)) throw errors.notPositive()
  const set = db.edit(argv[1]!, 'set')
  if (!set) return count === undefined ? null : []
  const picked = randomPicks.pick(set, set.size, count, engine.random)
  for (const member of picked) set.delete(member)
  if (picked.length > 0) db.changed(argv[1]!)
  return count === undefined ? picked[0]! : picked
}

function srandmember({ engine, db }: Call, argv: readonly string[]): Reply {
  if (argv.length > 3) throw errors.syntax()
  const count = argv[2] === undefined ? undefined : randomPicks.countArg(argv[2], false)
  const set = db.read(argv[1]!, 'set')
  if (!set) return count === undefined ? null : []
  const picked = randomPicks.pick(set, set.size, count, engine.random)
  return count === undefined ? picked[0]! : picked
}

function smove({ db }: Call, argv: readonly string[]): Reply {
  const [, from, to, member] = argv as [string, string, string, string]
  const source = db.read(from, 'set')
  if (!source) return 0
  const target = db.read(to, 'set')
  if (source === target) return Number(source.has(member))
  if (!source.has(member)) return 0
  db.edit(from, 'set')!.delete(member)
  db.changed(from)
  db.editOrCreate(to, 'set', () => new Set()).add(member)
  db.changed(to)
  return 1
}

/** Combines sets; every key is checked for its type first. */
function combine(db: Database, keys: readonly string[], operation: Operation): Set<string> {
  const sets: ReadonlySet<string>[] = keys.map((key) => db.read(key, 'set') ?? EMPTY)
  const [first = EMPTY, ...rest] = sets
  if (operation === 'union') return new Set(sets.flatMap((set) => [...set]))
  if (operation === 'diff') return new Set([...first].filter((member) => !rest.some((set) => set.has(member))))
  const smallest = sets.reduce((least, set) => (set.size < least.size ? set : least), first)
  return new Set([...smallest].filter((member) => sets.every((set) => set.has(member))))
}

function combined(operation: Operation) {
  return ({ db }: Call, argv: readonly string[]): Reply => [...combine(db, argv.slice(1), operation)]
}

function stored(operation: Operation) {
  return ({ db }: Call, argv: readonly string[]): Reply => {
    const result = combine(db, argv.slice(2), operation)
    if (result.size === 0) db.remove(argv[1]!)
    else db.put(argv[1]!, 'set', result)
    return result.size
  }
}

function sintercard({ db }: Call, argv: readonly string[]): Reply {
  const { keys, limit } = cardinalityArgs(argv)
  const size = combine(db, keys, 'inter').size
  return limit === 0 ? size : Math.min(size, limit)
}

/** `numkeys key … [LIMIT n]`, as SINTERCARD and ZINTERCARD take it. */
function cardinalityArgs(argv: readonly string[]): { keys: readonly string[]; limit: number } {
  const count = integer(argv[1]!)
  if (count === undefined || count <= 0) throw new ReplyError('ERR numkeys should be greater than 0')
  if (count > argv.length - 2) throw new ReplyError("ERR Number of keys can't be greater than number of args")
  let limit = 0
  for (let i = 2 + count; i < argv.length; i += 2) {
    const value = argv[i + 1]
    if (argv[i]!.toLowerCase() !== 'limit' || value === undefined) throw errors.syntax()
    limit = integerArg(value, () => new ReplyError("ERR LIMIT can't be negative"))
    if (limit < 0) throw new ReplyError("ERR LIMIT can't be negative")
  }
  return { keys: argv.slice(2, 2 + count), limit }
}

function sscan({ db }: Call, argv: readonly string[]): Reply {
  cursorArg(argv[2]!)
  const set = db.read(argv[1]!, 'set')
  if (!set) return ['0', []]
  const options = scanOptions(argv, 2)
  const { cursor, page } = scanPage(set, set.size, options)
  return [String(cursor), page]
}

const MOVABLE = [0, 0, 0] as const

export const setCommands: readonly CommandSpec[] = [
  write('sadd', -3, sadd),
  write('srem', -3, srem),
  read('smembers', 2, ({ db }, argv) => [...(db.read(argv[1]!, 'set') ?? [])]),
  read('sismember', 3, ({ db }, argv) => Number(db.read(argv[1]!, 'set')?.has(argv[2]!) ?? false)),
  read('smismember', -3, smismember),
  read('scard', 2, ({ db }, argv) => db.read(argv[1]!, 'set')?.size ?? 0),
  write('spop', -2, spop),
  read('srandmember', -2, srandmember),
  write('smove', 4, smove, [1, 2, 1]),
  read('sinter', -2, combined('inter'), ALL_KEYS),
  read('sunion', -2, combined('union'), ALL_KEYS),
  read('sdiff', -2, combined('diff'), ALL_KEYS),
  write('sinterstore', -3, stored('inter'), ALL_KEYS),
  write('sunionstore', -3, stored('union'), ALL_KEYS),
  write('sdiffstore', -3, stored('diff'), ALL_KEYS),
  read('sintercard', -3, sintercard, MOVABLE),
  read('sscan', -3, sscan),
]
