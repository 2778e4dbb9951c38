import { type Call, type CommandSpec, read, write } from '../command.ts'
import { type Reply, ReplyError } from '../reply.ts'
import { expiryTime, type TimeUnit } from './expiry-options.ts'

interface Condition {
  readonly nx: boolean
  readonly xx: boolean
  readonly gt: boolean
  readonly lt: boolean
}

function condition(options: readonly string[]): Condition {
  const flags = { nx: false, xx: false, gt: false, lt: false }
  for (const option of options) {
    const name = option.toLowerCase()
    if (!Object.hasOwn(flags, name)) throw new ReplyError(`ERR Unsupported option ${option}`)
    flags[name as keyof typeof flags] = true
  }
  if (flags.nx && (flags.xx || flags.gt || flags.lt)) {
    throw new ReplyError('ERR NX and XX, GT or LT options at the same time are not compatible')
  }
  if (flags.gt && flags.lt) throw new ReplyError('ERR GT and LT options at the same time are not compatible')
  return flags
}

/** Does the condition allow to replace `current` (undefined: lives for ever) by `next`? */
function allows(when: Condition, current: number | undefined, next: number): boolean {
  if (when.nx && current !== undefined) return false
  if (when.xx && current === undefined) return false
  if (when.gt && (current === undefined || next <= current)) return false
  return !(when.lt && current !== undefined && next >= current)
}

function expire(command: string, unit: TimeUnit, relative: boolean) {
  return ({ db, now }: Call, argv: readonly string[]): Reply => {
    const key = argv[1]!
    const when = condition(argv.slice(3))
    const at = expiryTime(argv[2]!, unit, relative ? now : 0, command, false)
    if (!db.has(key) || !allows(when, db.expiry(key), at)) return 0
    if (at <= now) db.remove(key)
    else db.setExpiry(key, at)
    return 1
  }
}

/** How the end of a key is told: what is left or the time itself, in ms; −2 without key, −1 without end. */
function remaining(unit: TimeUnit, relative: boolean) {
  return ({ db, now }: Call, argv: readonly string[]): Reply => {
    if (!db.has(argv[1]!)) return -2
    const at = db.expiry(argv[1]!)
    if (at === undefined) return -1
    const ms = relative ? Math.max(0, at - now) : at
    return unit === 'ms' ? ms : Math.floor((ms + 500) / 1000)
  }
}

function persist({ db }: Call, argv: readonly string[]): Reply {
  if (!db.has(argv[1]!) || db.expiry(argv[1]!) === undefined) return 0
  db.setExpiry(argv[1]!, undefined)
  return 1
}

export const expiryCommands: readonly CommandSpec[] = [
  write('expire', -3, expire('expire', 's', true)),
  write('pexpire', -3, expire('pexpire', 'ms', true)),
  write('expireat', -3, expire('expireat', 's', false)),
  write('pexpireat', -3, expire('pexpireat', 'ms', false)),
  read('ttl', 2, remaining('s', true)),
  read('pttl', 2, remaining('ms', true)),
  read('expiretime', 2, remaining('s', false)),
  read('pexpiretime', 2, remaining('ms', false)),
  write('persist', 2, persist),
]
