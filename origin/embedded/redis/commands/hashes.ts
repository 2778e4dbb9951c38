import { type Call, type CommandSpec, read, write } from '../command.ts'
import { parseLongDouble } from '../long-double.ts'
import { fitsInt64, int64 } from '../numbers.ts'
import { errors, OK, type Reply, ReplyError } from '../reply.ts'
import { addFloats, addIntegers, integerReply, isInfinite } from './counters.ts'
import { type Pairs, randomPairs, scanPairs } from './pairs.ts'

const create = () => new Map<string, string>()

function hset({ db }: Call, argv: readonly string[], name: string): number {
  if (argv.length % 2 !== 0) throw errors.arity(name)
  const hash = db.editOrCreate(argv[1]!, 'hash', create)
  const before = hash.size
  for (let i = 2; i < argv.length; i += 2) hash.set(argv[i]!, argv[i + 1]!)
  db.changed(argv[1]!)
  return hash.size - before
}

function hmset(call: Call, argv: readonly string[]): Reply {
  hset(call, argv, 'hmset')
  return OK
}

function hsetnx({ db }: Call, argv: readonly string[]): Reply {
  const hash = db.editOrCreate(argv[1]!, 'hash', create)
  if (hash.has(argv[2]!)) return 0
  hash.set(argv[2]!, argv[3]!)
  db.changed(argv[1]!)
  return 1
}

function hmget({ db }: Call, argv: readonly string[]): Reply {
  const hash = db.read(argv[1]!, 'hash')
  return argv.slice(2).map((field) => hash?.get(field) ?? null)
}

function hgetall({ db }: Call, argv: readonly string[]): Reply {
  const flat: string[] = []
  for (const [field, value] of db.read(argv[1]!, 'hash') ?? []) flat.push(field, value)
  return flat
}

function hdel({ db }: Call, argv: readonly string[]): Reply {
  const hash = db.edit(argv[1]!, 'hash')
  if (!hash) return 0
  let removed = 0
  for (let i = 2; i < argv.length; i++) if (hash.delete(argv[i]!)) removed++
  if (removed > 0) db.changed(argv[1]!)
  return removed
}

function hincrby({ db }: Call, argv: readonly string[]): Reply {
  const [, key, field, amount] = argv as [string, string, string, string]
  const by = int64(amount)
  if (by === undefined || !fitsInt64(by)) throw errors.notInteger()
  const current = db.read(key, 'hash')?.get(field) ?? '0'
  const sum = addIntegers(current, by, () => new ReplyError('ERR hash value is not an integer'))
  db.editOrCreate(key, 'hash', create).set(field, sum)
  db.changed(key)
  return integerReply(sum)
}

function hincrbyfloat({ db }: Call, argv: readonly string[]): Reply {
  const [, key, field, amount] = argv as [string, string, string, string]
  if (parseLongDouble(amount) === undefined) {
    throw isInfinite(amount) ? new ReplyError('ERR value is NaN or Infinity') : errors.notFloat()
  }
  const current = db.read(key, 'hash')?.get(field) ?? '0'
  const sum = addFloats(current, amount, () => new ReplyError('ERR hash value is not a float'))
  db.editOrCreate(key, 'hash', create).set(field, sum)
  db.changed(key)
  return sum
}

function pairsOf({ db }: Call, key: string): Pairs | undefined {
  const hash = db.read(key, 'hash')
  return hash && { size: hash.size, names: () => hash.keys(), value: (field) => hash.get(field)! }
}

export const hashCommands: readonly CommandSpec[] = [
  write('hset', -4, (call, argv) => hset(call, argv, 'hset')),
  write('hmset', -4, hmset),
  write('hsetnx', 4, hsetnx),
  read('hget', 3, ({ db }, argv) => db.read(argv[1]!, 'hash')?.get(argv[2]!) ?? null),
  read('hmget', -3, hmget),
  read('hgetall', 2, hgetall),
  write('hdel', -3, hdel),
  read('hexists', 3, ({ db }, argv) => Number(db.read(argv[1]!, 'hash')?.has(argv[2]!) ?? false)),
  read('hlen', 2, ({ db }, argv) => db.read(argv[1]!, 'hash')?.size ?? 0),
  read('hkeys', 2, ({ db }, argv) => [...(db.read(argv[1]!, 'hash')?.keys() ?? [])]),
  read('hvals', 2, ({ db }, argv) => [...(db.read(argv[1]!, 'hash')?.values() ?? [])]),
  read('hstrlen', 3, ({ db }, argv) => db.read(argv[1]!, 'hash')?.get(argv[2]!)?.length ?? 0),
  write('hincrby', 4, hincrby),
  write('hincrbyfloat', 4, hincrbyfloat),
  read('hscan', -3, (call, argv) => scanPairs(argv, () => pairsOf(call, argv[1]!))),
  read('hrandfield', -2, (call, argv) =>
    randomPairs(argv, 'withvalues', () => pairsOf(call, argv[1]!), call.engine.random),
  ),
]
