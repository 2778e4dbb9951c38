/** Rules taken out, one at a time, by rewriting commands on their way to Redis: the properties must notice. */
import type { Command } from '#core/redis.ts'
import type { DirectRedis } from './redis.ts'

export type Rewrite = (command: Command) => readonly Command[]

const isScript = (command: Command, text: string) => command[0] === 'EVAL' && String(command[1]).includes(text)
const CLOSE = "redis.call('ZSCORE', KEYS[1], ARGV[1])"
const TRIM = 'ZREMRANGEBYSCORE'
const REFLECT = "ARGV[3] == '0'"
const REPLACE_SET = "redis.call('DEL', KEYS[1])"
const isPush = ([name, key, score, member]: Command) =>
  name === 'ZADD' && String(key).startsWith('timeline:') && typeof score === 'number' && /^\d/.test(String(member))

/** The rewriting that takes a rule out; the identity for rules that are taken out elsewhere. */
export function withoutRule(rule: string, redis: DirectRedis): Rewrite {
  const current = (key: string | number | undefined) => String(redis.execute(['GET', String(key)]) ?? '')
  const rewrites: Record<string, Rewrite> = {
    // 1: trimming removes posts and leaves the floor where it was.
    'trim-raises-floor': (command) => (isScript(command, TRIM) ? trimWithoutFloor(command, redis) : [command]),
    // 2: a push marks what it finds, or makes.
    'push-never-marks': (command) =>
      isPush(command) ? [command, ['ZADD', command[1]!, 'NX', command[2]!, '~']] : [command],
    // 3: no placeholder lets pushes land while Postgres is read.
    'placeholder-first': (command) => {
      if (command[0] === 'ZADD' && String(command[3]).startsWith('?')) return []
      return isScript(command, CLOSE) ? [['ZADD', command[3]!, 0, command[5]!], command] : [command]
    },
    // 3: any placeholder will do.
    'own-token': (command) => {
      if (command[0] === 'ZADD' && String(command[3]).startsWith('?')) return [['ZADD', command[1]!, 0, '?']]
      return isScript(command, CLOSE) ? [command.with(5, '?')] : [command]
    },
    // 3: the rebuild closes whatever the graph did.
    'version-guards-rebuild': (command) =>
      isScript(command, CLOSE) ? [command.with(6, current(command[4]))] : [command],
    // 4: a derived set is replaced whatever the graph did.
    'version-guards-sets': (command) =>
      isScript(command, REPLACE_SET) ? [command.with(5, current(command[4]))] : [command],
    // 4: a set that nobody made is taken for an empty one.
    'absent-is-not-empty': (command) =>
      isRead(command, 'SMEMBERS', 'hidden:') ? [sentinelIfAbsent(command)] : [command],
    // 6: every celebrity's list is taken for whole.
    'page-floor': (command) => (isRead(command, 'ZRANGE', 'author:') ? [floorless(command)] : [command]),
    // 5: an unfollow hides nobody.
    'unfollow-hides': (command) =>
      command.some((arg) => String(arg).startsWith('u:')) ? [['EVAL', 'return 1', 0]] : [command],
    // 5: a late event undoes what the edge has said since.
    'consumers-ask-again': (command) =>
      isScript(command, REFLECT) ? [command.with(5, current(command[3]))] : [command],
    // 11: the version is raised by the edge only, before the inverse row stands.
    'raise-after-inverse': (command) =>
      isScript(command, REFLECT)
        ? [command.with(1, String(command[1]).replace("redis.call('INCR', KEYS[1])", ''))]
        : [command],
    // 13: a shed push leaves the mark.
    'shed-unmarks': (command) => (command[0] === 'ZREM' && command[2] === '~' ? [] : [command]),
  }
  return rewrites[rule] ?? ((command) => [command])
}

const isRead = ([name, key]: Command, command: string, prefix: string) =>
  name === command && String(key).startsWith(prefix)

const sentinelIfAbsent = ([, key]: Command): Command => [
  'EVAL',
  "local found = redis.call('SMEMBERS', KEYS[1]) if #found == 0 then return {'~'} end return found",
  1,
  key!,
]

const FLOORLESS = `
local pairs = redis.call('ZRANGE', KEYS[1], unpack(ARGV))
for i = 1, #pairs, 2 do if pairs[i] == '~' then pairs[i + 1] = '0' end end
return pairs`
const floorless = ([, key, ...range]: Command): Command => ['EVAL', FLOORLESS, 1, key!, ...range]

function trimWithoutFloor(command: Command, redis: DirectRedis): Command[] {
  const [, , , key, keep] = command as [string, string, number, string, number]
  const mark = redis.execute(['ZSCORE', key, '~'])
  const last = redis.execute(['ZREVRANGE', key, keep - 1, keep - 1, 'WITHSCORES']) as string[]
  if (mark === null || last[1] === undefined) return []
  return [
    ['ZREMRANGEBYSCORE', key, '(0', `(${last[1]}`],
    ['ZADD', key, String(mark), '~'],
  ]
}
