import { type Call, type CommandSpec, read, write } from '../command.ts'
import { integer, integerArg } from '../numbers.ts'
import { errors, NIL_ARRAY, OK, type Reply, ReplyError } from '../reply.ts'

/** Lists are plain arrays: V8 moves memory fast, and nothing here keeps lists of more than some thousands. */
type End = 'left' | 'right'

/** More arguments than this might overflow the stack of one call. */
const MAX_SPREAD = 10_000

function push(end: End, mustExist: boolean) {
  return ({ db }: Call, argv: readonly string[]): Reply => {
    const key = argv[1]!
    const list = mustExist ? db.edit(key, 'list') : db.editOrCreate(key, 'list', () => [])
    if (!list) return 0
    const values = argv.slice(2)
    if (end === 'right') for (const value of values) list.push(value)
    else if (values.length <= MAX_SPREAD) list.unshift(...values.reverse())
    else db.put(key, 'list', values.reverse().concat(list), true)
    db.changed(key)
    return db.read(key, 'list')!.length
  }
}

function pop(end: End) {
  return ({ db }: Call, argv: readonly string[]): Reply => {
    if (argv.length > 3) throw errors.arity(argv[0]!.toLowerCase())
    const count = argv[2] === undefined ? undefined : integer(argv[2])
    if (argv[2] !== undefined && (count === undefined || count < 0)) throw errors.notPositive()
    const list = db.edit(argv[1]!, 'list')
    if (!list) return count === undefined ? null : NIL_ARRAY
    if (count === 0) return []
    const taken = end === 'left' ? list.splice(0, count ?? 1) : list.splice(-(count ?? 1)).reverse()
    db.changed(argv[1]!)
    return count === undefined ? taken[0]! : taken
  }
}

/** Start and end (exclusive) of an inclusive range with negative indexes; empty if start ≥ end. */
export function clampRange(start: number, stop: number, length: number): [start: number, end: number] {
  const from = Math.max(0, start < 0 ? start + length : start)
  const to = Math.min(length - 1, stop < 0 ? stop + length : stop)
  return [from, to + 1]
}

function lrange({ db }: Call, argv: readonly string[]): Reply {
  const start = integerArg(argv[2]!)
  const stop = integerArg(argv[3]!)
  const list = db.read(argv[1]!, 'list') ?? []
  const [from, end] = clampRange(start, stop, list.length)
  return from < end ? list.slice(from, end) : []
}

function ltrim({ db }: Call, argv: readonly string[]): Reply {
  const start = integerArg(argv[2]!)
  const stop = integerArg(argv[3]!)
  const list = db.edit(argv[1]!, 'list')
  if (!list) return OK
  const [from, end] = clampRange(start, stop, list.length)
  if (from >= end) list.length = 0
  else {
    list.splice(end)
    list.splice(0, from)
  }
  db.changed(argv[1]!)
  return OK
}

function lindex({ db }: Call, argv: readonly string[]): Reply {
  const list = db.read(argv[1]!, 'list')
  if (!list) return null
  return list.at(integerArg(argv[2]!)) ?? null
}

function lset({ db }: Call, argv: readonly string[]): Reply {
  const list = db.edit(argv[1]!, 'list')
  if (!list) throw errors.noSuchKey()
  const index = integerArg(argv[2]!)
  const place = index < 0 ? index + list.length : index
  if (place < 0 || place >= list.length) throw errors.indexOutOfRange()
  list[place] = argv[3]!
  db.changed(argv[1]!)
  return OK
}

function lrem({ db }: Call, argv: readonly string[]): Reply {
  const count = integerArg(argv[2]!)
  const list = db.edit(argv[1]!, 'list')
  if (!list) return 0
  let left = count === 0 ? list.length : Math.abs(count)
  const keep = (value: string) => value !== argv[3] || left-- <= 0
  const kept = count < 0 ? list.toReversed().filter(keep).reverse() : list.filter(keep)
  const removed = list.length - kept.length
  if (removed > 0) db.put(argv[1]!, 'list', kept, true)
  return removed
}

function linsert({ db }: Call, argv: readonly string[]): Reply {
  const [, key, where, pivot, value] = argv as [string, string, string, string, string]
  const offset = { before: 0, after: 1 }[where.toLowerCase()]
  if (offset === undefined) throw errors.syntax()
  const list = db.edit(key, 'list')
  if (!list) return 0
  const index = list.indexOf(pivot)
  if (index < 0) return -1
  list.splice(index + offset, 0, value)
  db.changed(key)
  return list.length
}

function endArg(text: string): End {
  const end = text.toLowerCase()
  if (end !== 'left' && end !== 'right') throw errors.syntax()
  return end
}

function moveBetween({ db }: Call, from: string, to: string, takeFrom: End, putTo: End): Reply {
  const source = db.edit(from, 'list')
  if (!source) return null
  db.read(to, 'list')
  const value = takeFrom === 'left' ? source.shift()! : source.pop()!
  // One list may be both: it must not vanish between the two steps.
  const target = db.editOrCreate(to, 'list', () => [])
  if (putTo === 'left') target.unshift(value)
  else target.push(value)
  db.changed(to)
  db.changed(from)
  return value
}

function lmove(call: Call, argv: readonly string[]): Reply {
  return moveBetween(call, argv[1]!, argv[2]!, endArg(argv[3]!), endArg(argv[4]!))
}

interface PositionOptions {
  rank: number
  count: number | undefined
  maxlen: number
}

function positionOptions(argv: readonly string[]): PositionOptions {
  const options: PositionOptions = { rank: 1, count: undefined, maxlen: 0 }
  for (let i = 3; i < argv.length; i += 2) {
    const value = argv[i + 1]
    if (value === undefined) throw errors.syntax()
    switch (argv[i]!.toLowerCase()) {
      case 'rank':
        options.rank = integerArg(value)
        if (options.rank === 0) {
          throw new ReplyError(
            "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
          )
        }
        break
      case 'count':
        options.count = integer(value) ?? -1
        if (options.count < 0) throw new ReplyError("ERR COUNT can't be negative")
        break
      case 'maxlen':
        options.maxlen = integer(value) ?? -1
        if (options.maxlen < 0) throw new ReplyError("ERR MAXLEN can't be negative")
        break
      default:
        throw errors.syntax()
    }
  }
  return options
}

function lpos({ db }: Call, argv: readonly string[]): Reply {
  const { rank, count, maxlen } = positionOptions(argv)
  const list = db.read(argv[1]!, 'list')
  if (!list) return count === undefined ? null : []
  const found: number[] = []
  const wanted = count === undefined ? 1 : count || list.length
  const looks = maxlen === 0 ? list.length : Math.min(maxlen, list.length)
  let skip = Math.abs(rank) - 1
  for (let step = 0; step < looks && found.length < wanted; step++) {
    const index = rank > 0 ? step : list.length - 1 - step
    if (list[index] === argv[2] && skip-- <= 0) found.push(index)
  }
  return count === undefined ? (found[0] ?? null) : found
}

const BOTH = [1, 2, 1] as const

export const listCommands: readonly CommandSpec[] = [
  write('lpush', -3, push('left', false)),
  write('rpush', -3, push('right', false)),
  write('lpushx', -3, push('left', true)),
  write('rpushx', -3, push('right', true)),
  write('lpop', -2, pop('left')),
  write('rpop', -2, pop('right')),
  read('llen', 2, ({ db }, argv) => db.read(argv[1]!, 'list')?.length ?? 0),
  read('lrange', 4, lrange),
  read('lindex', 3, lindex),
  write('lset', 4, lset),
  write('ltrim', 4, ltrim),
  write('lrem', 4, lrem),
  write('linsert', 5, linsert),
  write('lmove', 5, lmove, BOTH),
  write('rpoplpush', 3, (call, argv) => moveBetween(call, argv[1]!, argv[2]!, 'right', 'left'), BOTH),
  read('lpos', -3, lpos),
]
