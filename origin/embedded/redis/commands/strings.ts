import { Bytes } from '../bytes.ts'
import { ALL_KEYS, type Call, type CommandSpec, read, write } from '../command.ts'
import { integerArg } from '../numbers.ts'
import { errors, OK, type Reply } from '../reply.ts'
import { expiryTime, timeOptions } from './expiry-options.ts'

const MAX_LENGTH = 512 * 1024 * 1024

interface SetOptions {
  readonly when: 'nx' | 'xx' | undefined
  readonly expiresAt: number | undefined
  readonly keepExpiry: boolean
  readonly returnOld: boolean
}

function setOptions(argv: readonly string[], now: number): SetOptions {
  let when: 'nx' | 'xx' | undefined
  let time: { option: string; value: string } | undefined
  let keepExpiry = false
  let returnOld = false
  for (let i = 3; i < argv.length; i++) {
    const option = argv[i]!.toLowerCase()
    const value = argv[i + 1]
    if ((option === 'nx' || option === 'xx') && (when ?? option) === option) when = option
    else if (option === 'get') returnOld = true
    else if (option === 'keepttl' && !time) keepExpiry = true
    else if (isTime(option, time?.option) && !keepExpiry && value !== undefined) {
      time = { option, value }
      i++
    } else throw errors.syntax()
  }
  const kind = time && timeOptions[time.option]
  const expiresAt = kind && expiryTime(time!.value, kind.unit, kind.relative ? now : 0, 'set', true)
  return { when, expiresAt, keepExpiry, returnOld }
}

/** A time option may come again, the last one counts; another one may not. */
function isTime(option: string, earlier: string | undefined): boolean {
  return Object.hasOwn(timeOptions, option) && (earlier ?? option) === option
}

function set({ db, now }: Call, argv: readonly string[]): Reply {
  const [, key, value] = argv as [string, string, string]
  const options = setOptions(argv, now)
  const old = options.returnOld ? (db.read(key, 'string')?.toString() ?? null) : null
  const allowed = options.when === undefined || db.has(key) === (options.when === 'xx')
  if (!allowed) return old
  db.put(key, 'string', value, options.keepExpiry)
  if (options.expiresAt !== undefined) db.setExpiry(key, options.expiresAt)
  return options.returnOld ? old : OK
}

function setWithExpiry(unit: 's' | 'ms', command: string) {
  return ({ db, now }: Call, argv: readonly string[]): Reply => {
    const at = expiryTime(argv[2]!, unit, now, command, true)
    db.put(argv[1]!, 'string', argv[3]!)
    db.setExpiry(argv[1]!, at)
    return OK
  }
}

function setnx({ db }: Call, argv: readonly string[]): Reply {
  if (db.has(argv[1]!)) return 0
  db.put(argv[1]!, 'string', argv[2]!)
  return 1
}

function get({ db }: Call, argv: readonly string[]): Reply {
  return db.read(argv[1]!, 'string')?.toString() ?? null
}

function getset({ db }: Call, argv: readonly string[]): Reply {
  const old = db.read(argv[1]!, 'string')?.toString() ?? null
  db.put(argv[1]!, 'string', argv[2]!)
  return old
}

function getdel({ db }: Call, argv: readonly string[]): Reply {
  const old = db.read(argv[1]!, 'string')?.toString() ?? null
  if (old !== null) db.remove(argv[1]!)
  return old
}

function getex({ db, now }: Call, argv: readonly string[]): Reply {
  let time: { option: string; value: string } | undefined
  let persist = false
  for (let i = 2; i < argv.length; i++) {
    const option = argv[i]!.toLowerCase()
    const value = argv[i + 1]
    if (option === 'persist' && !time) persist = true
    else if (isTime(option, time?.option) && !persist && value !== undefined) {
      time = { option, value }
      i++
    } else throw errors.syntax()
  }
  const value = db.read(argv[1]!, 'string')?.toString()
  if (value === undefined) return null
  if (time) {
    const kind = timeOptions[time.option]!
    const at = expiryTime(time.value, kind.unit, kind.relative ? now : 0, 'getex', true)
    if (at <= now) db.remove(argv[1]!)
    else db.setExpiry(argv[1]!, at)
  } else if (persist && db.expiry(argv[1]!) !== undefined) db.setExpiry(argv[1]!, undefined)
  return value
}

function mget({ db }: Call, argv: readonly string[]): Reply {
  return argv.slice(1).map((key) => {
    const stored = db.get(key)
    return stored?.type === 'string' ? (stored.data as string | Bytes).toString() : null
  })
}

function mset({ db }: Call, argv: readonly string[]): Reply {
  if (argv.length % 2 === 0) throw errors.arity('mset')
  for (let i = 1; i < argv.length; i += 2) db.put(argv[i]!, 'string', argv[i + 1]!)
  return OK
}

function msetnx({ db }: Call, argv: readonly string[]): Reply {
  if (argv.length % 2 === 0) throw errors.arity('msetnx')
  for (let i = 1; i < argv.length; i += 2) if (db.has(argv[i]!)) return 0
  for (let i = 1; i < argv.length; i += 2) db.put(argv[i]!, 'string', argv[i + 1]!)
  return 1
}

function append({ db }: Call, argv: readonly string[]): Reply {
  const [, key, suffix] = argv as [string, string, string]
  const data = db.edit(key, 'string')
  if (data === undefined) {
    db.put(key, 'string', suffix)
    return suffix.length
  }
  const bytes = mutable(data)
  if (bytes.length + suffix.length > MAX_LENGTH) throw errors.stringTooLong()
  bytes.write(suffix, bytes.length)
  db.put(key, 'string', bytes, true)
  return bytes.length
}

function strlen({ db }: Call, argv: readonly string[]): Reply {
  return db.read(argv[1]!, 'string')?.length ?? 0
}

function getrange({ db }: Call, argv: readonly string[]): Reply {
  let start = integerArg(argv[2]!)
  let end = integerArg(argv[3]!)
  const data = db.read(argv[1]!, 'string')
  if (data === undefined || (start < 0 && end < 0 && start > end)) return ''
  const length = data.length
  start = Math.max(0, start < 0 ? start + length : start)
  end = Math.min(length - 1, Math.max(0, end < 0 ? end + length : end))
  return start > end ? '' : data.slice(start, end + 1)
}

function setrange({ db }: Call, argv: readonly string[]): Reply {
  const [, key, offsetText, value] = argv as [string, string, string, string]
  const offset = integerArg(offsetText)
  if (offset < 0) throw errors.offsetOutOfRange()
  const data = db.edit(key, 'string')
  if (value.length === 0) return data?.length ?? 0
  if (offset + value.length > MAX_LENGTH) throw errors.stringTooLong()
  const bytes = mutable(data ?? '')
  bytes.write(value, offset)
  db.put(key, 'string', bytes, true)
  return bytes.length
}

/** The value as a growable buffer; the caller puts it back. */
export function mutable(data: string | Bytes): Bytes {
  return typeof data === 'string' ? new Bytes(data) : data
}

/** Every second argument is a key: MSET. */
const PAIRS = [1, -1, 2] as const

export const stringCommands: readonly CommandSpec[] = [
  write('set', -3, set),
  write('setnx', 3, setnx),
  write('setex', 4, setWithExpiry('s', 'setex')),
  write('psetex', 4, setWithExpiry('ms', 'psetex')),
  read('get', 2, get),
  write('getset', 3, getset),
  write('getdel', 2, getdel),
  write('getex', -2, getex),
  read('mget', -2, mget, ALL_KEYS),
  write('mset', -3, mset, PAIRS),
  write('msetnx', -3, msetnx, PAIRS),
  write('append', 3, append),
  read('strlen', 2, strlen),
  read('getrange', 4, getrange),
  read('substr', 4, getrange),
  write('setrange', 4, setrange),
]
