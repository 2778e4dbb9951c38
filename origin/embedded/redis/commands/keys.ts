import { Bytes } from '../bytes.ts'
import { ALL_KEYS, type Call, type CommandSpec, NO_KEYS, read, write } from '../command.ts'
import { globMatches } from '../glob.ts'
import type { Database, DataOf, Stored } from '../keyspace.ts'
import { int64, integer } from '../numbers.ts'
import { errors, OK, type Reply, ReplyError, Status } from '../reply.ts'
import { scanOptions, scanPage } from '../scan.ts'
import { SortedSet } from '../sorted-set.ts'

/** Up to here the real server keeps a collection in its compact encoding (its defaults). */
const COMPACT_ENTRIES = 128
const COMPACT_VALUE_BYTES = 64
const INTSET_ENTRIES = 512
const EMBEDDED_STRING_BYTES = 44

function del({ db }: Call, argv: readonly string[]): Reply {
  let removed = 0
  for (let i = 1; i < argv.length; i++) if (db.has(argv[i]!) && db.remove(argv[i]!)) removed++
  return removed
}

function exists({ db }: Call, argv: readonly string[]): Reply {
  let found = 0
  for (let i = 1; i < argv.length; i++) if (db.has(argv[i]!)) found++
  return found
}

/** Moves a value with its expiry under another key. */
function move(db: Database, from: string, to: string): void {
  const stored = db.get(from)!
  const at = db.expiry(from)
  db.remove(from)
  db.put(to, stored.type, stored.data)
  if (at !== undefined) db.setExpiry(to, at)
}

function rename({ db }: Call, argv: readonly string[]): Reply {
  const [, from, to] = argv as [string, string, string]
  if (!db.has(from)) throw errors.noSuchKey()
  if (from !== to) move(db, from, to)
  return OK
}

function renamenx({ db }: Call, argv: readonly string[]): Reply {
  const [, from, to] = argv as [string, string, string]
  if (!db.has(from)) throw errors.noSuchKey()
  if (from === to || db.has(to)) return 0
  move(db, from, to)
  return 1
}

function copy({ engine, client, db }: Call, argv: readonly string[]): Reply {
  const [, from, to] = argv as [string, string, string]
  let target = db
  let replace = false
  for (let i = 3; i < argv.length; i++) {
    const option = argv[i]!.toLowerCase()
    if (option === 'replace') replace = true
    else if (option === 'db' && i + 1 < argv.length) {
      const index = integer(argv[++i]!)
      if (index === undefined) throw errors.notInteger()
      const chosen = engine.databases[index]
      if (!chosen) throw new ReplyError('ERR DB index is out of range')
      target = chosen
    } else throw errors.syntax()
  }
  if (target.index === client.db && from === to) throw new ReplyError('ERR source and destination objects are the same')
  const stored = db.get(from)
  if (!stored || (!replace && target.has(to))) return 0
  target.put(to, stored.type, cloneData(stored, engine.random))
  const at = db.expiry(from)
  if (at !== undefined) target.setExpiry(to, at)
  return 1
}

function cloneData({ type, data }: Stored, random: () => number): DataOf[typeof type] {
  switch (type) {
    case 'string':
      return (data as DataOf['string']).toString()
    case 'hash':
      return new Map(data as DataOf['hash'])
    case 'set':
      return new Set(data as DataOf['set'])
    case 'list':
      return [...(data as DataOf['list'])]
    case 'zset': {
      const copied = new SortedSet(random)
      for (const [member, score] of data as DataOf['zset']) copied.set(member, score)
      return copied
    }
    case 'stream':
      return (data as DataOf['stream']).clone()
  }
}

function type({ db }: Call, argv: readonly string[]): Reply {
  return new Status(db.get(argv[1]!)?.type ?? 'none')
}

function keys({ db }: Call, argv: readonly string[]): Reply {
  return [...db.keys()].filter((key) => globMatches(argv[1]!, key))
}

function scan({ db }: Call, argv: readonly string[]): Reply {
  const options = scanOptions(argv, 1, true)
  const { cursor, page } = scanPage(db.keys(), db.size, options, 0)
  const chosen = options.type === undefined ? page : page.filter((key) => db.get(key)?.type === options.type)
  return [String(cursor), chosen]
}

function flush(all: boolean) {
  return ({ engine, db }: Call, argv: readonly string[]): Reply => {
    if (argv.length > 2 || (argv[1] !== undefined && !/^(a?sync)$/i.test(argv[1]))) throw errors.syntax()
    for (const database of all ? engine.databases : [db]) database.clear()
    return OK
  }
}

function object({ db }: Call, argv: readonly string[]): Reply {
  const sub = argv[1]!.toLowerCase()
  const stored = db.get(argv[2]!)
  if (!stored) return null
  if (sub === 'encoding') return encodingOf(stored)
  if (sub === 'freq') {
    throw new ReplyError(
      'ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.',
    )
  }
  return sub === 'refcount' ? 1 : 0
}

/** The encoding the real server would use for such a value (best effort: it depends on history there). */
function encodingOf({ type: name, data }: Stored): string {
  if (name === 'string') {
    const text = (data as DataOf['string']).toString()
    if (data instanceof Bytes) return 'raw'
    if (int64(text) !== undefined) return 'int'
    return text.length <= EMBEDDED_STRING_BYTES ? 'embstr' : 'raw'
  }
  if (name === 'set') {
    const members = data as DataOf['set']
    for (const member of members) if (int64(member) === undefined) return 'hashtable'
    return members.size <= INTSET_ENTRIES ? 'intset' : 'hashtable'
  }
  if (name === 'list') return 'quicklist'
  if (name === 'stream') return 'stream'
  const parts = name === 'hash' ? [...(data as DataOf['hash'])].flat() : [...(data as DataOf['zset']).members()]
  const entries = (data as DataOf['hash'] | DataOf['zset']).size
  const compact = entries <= COMPACT_ENTRIES && parts.every((part) => part.length <= COMPACT_VALUE_BYTES)
  return compact ? 'listpack' : name === 'hash' ? 'hashtable' : 'skiplist'
}

const BOTH = [1, 2, 1] as const

export const keyCommands: readonly CommandSpec[] = [
  write('del', -2, del, ALL_KEYS),
  write('unlink', -2, del, ALL_KEYS),
  read('exists', -2, exists, ALL_KEYS),
  read('touch', -2, exists, ALL_KEYS),
  write('rename', 3, rename, BOTH),
  write('renamenx', 3, renamenx, BOTH),
  write('copy', -3, copy, BOTH),
  read('type', 2, type),
  read('keys', 2, keys, NO_KEYS),
  read('scan', -2, scan, NO_KEYS),
  read('randomkey', 1, ({ engine, db }) => db.randomKey(engine.random) ?? null, NO_KEYS),
  read('dbsize', 1, ({ db }) => db.size, NO_KEYS),
  write('flushdb', -1, flush(false), NO_KEYS),
  write('flushall', -1, flush(true), NO_KEYS),
  { ...read('object', -2, object, [2, 2, 1]), subcommands: { encoding: 3, refcount: 3, idletime: 3, freq: 3 } },
]
