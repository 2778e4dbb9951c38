import { type Call, type CommandSpec, NO_KEYS, read, write } from '../command.ts'
import type { Database } from '../keyspace.ts'
import { integerArg } from '../numbers.ts'
import { errors, NIL_ARRAY, type Reply, ReplyError } from '../reply.ts'
import { formatStreamId, MAX_ID, MAX_SEQUENCE, Stream, type StreamEntry, streamId } from '../stream.ts'

const invalidId = () => new ReplyError('ERR Invalid stream ID specified as stream command argument')

/** `ms-seq` or `ms` (then with the given sequence). */
function parseId(text: string, missingSequence: bigint): bigint {
  const match = /^([0-9]{1,20})(?:-([0-9]{1,20}))?$/.exec(text)
  if (!match) throw invalidId()
  const ms = BigInt(match[1]!)
  const sequence = match[2] === undefined ? missingSequence : BigInt(match[2])
  if (ms > MAX_SEQUENCE || sequence > MAX_SEQUENCE) throw invalidId()
  return streamId(ms, sequence)
}

type Trim = { readonly length: number } | { readonly before: bigint }

/** Reads `MAXLEN|MINID [=|~] n [LIMIT c]` at `at`; the rest goes on at `next`. Trimming is always exact. */
function parseTrim(argv: readonly string[], at: number): { trim: Trim; next: number } {
  const kind = argv[at]!.toLowerCase()
  const approximate = argv[at + 1] === '~'
  let next = approximate || argv[at + 1] === '=' ? at + 2 : at + 1
  const value = argv[next++]
  if (value === undefined) throw errors.syntax()
  if (argv[next]?.toLowerCase() === 'limit') {
    if (!approximate) throw new ReplyError('ERR syntax error, LIMIT cannot be used without the special ~ option')
    next += 2
  }
  if (kind === 'minid') return { trim: { before: parseId(value, 0n) }, next }
  const length = integerArg(value)
  if (length < 0) throw new ReplyError('ERR The MAXLEN argument must be >= 0.')
  return { trim: { length }, next }
}

const incompatibleTrims = () =>
  new ReplyError('ERR syntax error, MAXLEN and MINID options at the same time are not compatible')

function nextId(stream: Stream | undefined, wanted: string, now: number): bigint {
  const last = stream?.lastId ?? 0n
  if (wanted === '*') {
    const fresh = streamId(BigInt(now), 0n)
    return fresh > last ? fresh : last + 1n
  }
  const open = /^([0-9]{1,20})-\*$/.exec(wanted)
  const id = open ? openId(BigInt(open[1]!), last) : parseId(wanted, 0n)
  if (id <= last) {
    throw new ReplyError('ERR The ID specified in XADD is equal or smaller than the target stream top item')
  }
  return id
}

/** `ms-*`: the next sequence of that millisecond. */
function openId(ms: bigint, last: bigint): bigint {
  return ms === last >> 64n ? last + 1n : streamId(ms, ms === 0n ? 1n : 0n)
}

function xadd({ db, now }: Call, argv: readonly string[]): Reply {
  let at = 2
  let create = true
  let trim: Trim | undefined
  for (;;) {
    const option = argv[at]?.toLowerCase()
    if (option === 'nomkstream') {
      create = false
      at++
    } else if (option === 'maxlen' || option === 'minid') {
      if (trim) throw incompatibleTrims()
      ;({ trim, next: at } = parseTrim(argv, at))
    } else break
  }
  const fields = argv.slice(at + 1)
  const id0 = argv[at]
  if (id0 === undefined) throw errors.arity('xadd')
  const isOpen = id0 === '*' || /^[0-9]{1,20}-\*$/.test(id0)
  const fixed = isOpen ? undefined : parseId(id0, 0n)
  if (fields.length === 0 || fields.length % 2 !== 0) throw errors.arity('xadd')
  if (fixed === 0n) throw new ReplyError('ERR The ID specified in XADD must be greater than 0-0')
  const existing = db.edit(argv[1]!, 'stream')
  if (!existing && !create) return null
  const id = nextId(existing, argv[at]!, now)
  const stream = existing ?? db.editOrCreate(argv[1]!, 'stream', () => new Stream())
  stream.append({ id, fields })
  if (trim) stream.trim(trim)
  db.changed(argv[1]!)
  return formatStreamId(id)
}

function entryReply({ id, fields }: StreamEntry): Reply {
  return [formatStreamId(id), fields]
}

function rangeId(text: string, isStart: boolean): bigint {
  if (text === '-') return 0n
  if (text === '+') return MAX_ID
  const exclusive = text.startsWith('(')
  const id = parseId(exclusive ? text.slice(1) : text, isStart ? 0n : MAX_SEQUENCE)
  return exclusive ? id + (isStart ? 1n : -1n) : id
}

function xrange(reverse: boolean) {
  return ({ db }: Call, argv: readonly string[]): Reply => {
    const [first, last] = reverse ? [argv[3]!, argv[2]!] : [argv[2]!, argv[3]!]
    const from = rangeId(first, true)
    const to = rangeId(last, false)
    let count = -1
    for (let i = 4; i < argv.length; i += 2) {
      if (argv[i]!.toLowerCase() !== 'count' || argv[i + 1] === undefined) throw errors.syntax()
      count = Math.max(0, integerArg(argv[i + 1]!))
    }
    const stream = db.read(argv[1]!, 'stream')
    if (!stream) return []
    if (count === 0) return NIL_ARRAY
    const found = stream.range(from, to)
    if (reverse) found.reverse()
    return (count < 0 ? found : found.slice(0, count)).map(entryReply)
  }
}

function xtrim({ db }: Call, argv: readonly string[]): Reply {
  if (!/^(maxlen|minid)$/i.test(argv[2]!)) throw errors.syntax()
  const { trim, next } = parseTrim(argv, 2)
  if (next < argv.length) throw errors.syntax()
  const stream = db.edit(argv[1]!, 'stream')
  if (!stream) return 0
  const removed = stream.trim(trim)
  if (removed > 0) db.changed(argv[1]!)
  return removed
}

function xdel({ db }: Call, argv: readonly string[]): Reply {
  const stream = db.edit(argv[1]!, 'stream')
  if (!stream) return 0
  const ids = argv.slice(2).map((text) => parseId(text, 0n))
  const removed = ids.filter((id) => stream.delete(id)).length
  if (removed > 0) db.changed(argv[1]!)
  return removed
}

/** XREAD never waits here: BLOCK is taken and answered at once. */
function xread({ db }: Call, argv: readonly string[]): Reply {
  let count = 0
  let at = 1
  for (; argv[at]?.toLowerCase() !== 'streams'; at += 2) {
    const option = argv[at]?.toLowerCase()
    if (argv[at + 1] === undefined || (option !== 'count' && option !== 'block')) throw errors.syntax()
    if (option === 'count') count = Math.max(0, integerArg(argv[at + 1]!))
  }
  const rest = argv.slice(at + 1)
  if (rest.length === 0 || rest.length % 2 !== 0) {
    throw new ReplyError("ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.")
  }
  const keys = rest.slice(0, rest.length / 2)
  const found = keys.flatMap((key, index) => {
    const entries = entriesAfter(db, key, rest[keys.length + index]!)
    return entries.length > 0 ? [[key, (count > 0 ? entries.slice(0, count) : entries).map(entryReply)]] : []
  })
  return found.length > 0 ? found : NIL_ARRAY
}

function entriesAfter(db: Database, key: string, after: string): StreamEntry[] {
  const stream = db.read(key, 'stream')
  const from = after === '$' ? (stream?.lastId ?? 0n) : parseId(after, 0n)
  return stream?.range(from + 1n, MAX_ID) ?? []
}

export const streamCommands: readonly CommandSpec[] = [
  write('xadd', -5, xadd),
  read('xlen', 2, ({ db }, argv) => db.read(argv[1]!, 'stream')?.length ?? 0),
  read('xrange', -4, xrange(false)),
  read('xrevrange', -4, xrange(true)),
  write('xtrim', -4, xtrim),
  write('xdel', -3, xdel),
  read('xread', -4, xread, NO_KEYS),
]
