import fc from 'fast-check'
import {
  amount,
  anyKey,
  bit,
  bound,
  cmd,
  index,
  int,
  keyOf,
  later,
  lexBound,
  list,
  many,
  maybe,
  member,
  milliseconds,
  offset,
  one,
  pairs,
  score,
  seconds,
  some,
  stream,
  value,
} from './random-arguments.ts'

/*
 * Random commands over few keys, so that types collide, options contradict and arguments do not parse.
 * Each key name hints at a type; one time in eight another key is taken.
 */

const strings = [
  cmd(
    'SET',
    keyOf.s,
    value,
    some('NX', 'XX', 'GET', 'KEEPTTL', cmd('EX', seconds), cmd('PX', milliseconds), cmd('EXAT', later)),
  ),
  cmd('SET', keyOf.s, value),
  cmd(one('SETNX', 'GETSET', 'APPEND'), keyOf.s, value),
  cmd(one('SETEX', 'PSETEX'), keyOf.s, milliseconds, value),
  cmd(one('GET', 'GETDEL', 'STRLEN', 'INCR', 'DECR'), keyOf.s),
  cmd('GETEX', keyOf.s, some('PERSIST', cmd('EX', seconds), cmd('EXAT', later))),
  cmd('MGET', many(anyKey)),
  cmd(one('MSET', 'MSETNX'), pairs(keyOf.s, value)),
  cmd(one('INCRBY', 'DECRBY'), keyOf.s, int),
  cmd('INCRBYFLOAT', keyOf.s, amount),
  cmd('GETRANGE', keyOf.s, index, index),
  cmd('SETRANGE', keyOf.s, index, value),
]

/** Few, so that times to live meet and travel. */
const mortal = fc.oneof({ weight: 4, arbitrary: one('s1', 's2', 'z1') }, { weight: 1, arbitrary: anyKey })
const keys = [
  cmd(one('DEL', 'UNLINK', 'EXISTS', 'TOUCH'), many(anyKey, 1, 2)),
  cmd('EXPIRE', mortal, seconds, some('NX', 'XX', 'OOPS')),
  // GT and LT with times from now would hang on whether a millisecond has passed: absolute times only.
  cmd('EXPIRE', mortal, one('0', '-1', 'x'), some('NX', 'XX', 'GT', 'LT')),
  cmd('PEXPIRE', mortal, one('1000000', '2000000', '-1', 'x'), some('NX', 'XX')),
  cmd('EXPIREAT', mortal, later, some('NX', 'XX', 'GT', 'LT')),
  cmd('PEXPIREAT', mortal, one('33000000000000', '0', '-5')),
  cmd(one('TTL', 'PTTL', 'EXPIRETIME', 'PEXPIRETIME', 'PERSIST', 'TYPE'), mortal),
  cmd(one('RENAME', 'RENAMENX'), mortal, mortal),
  cmd('COPY', mortal, mortal, some('REPLACE', 'OOPS', cmd('DB', one('0', '1', '99', 'x')))),
  cmd('KEYS', one('*', 's*', '?1', '[hz]*', '[^a-m]1', 'x\\1', '[a', 'none')),
  cmd('SCAN', '0', 'COUNT', '1000', some(cmd('MATCH', one('*1', 'z?')), cmd('TYPE', one('zset', 'string')))),
  cmd('SCAN', one('x', '0'), 'COUNT', one('0', 'x')),
  cmd('DBSIZE'),
]

const hashes = [
  cmd(one('HSET', 'HMSET'), keyOf.h, pairs(member, value)),
  cmd('HSETNX', keyOf.h, member, value),
  cmd(one('HGET', 'HEXISTS', 'HSTRLEN'), keyOf.h, member),
  cmd(one('HMGET', 'HDEL'), keyOf.h, many(member)),
  cmd(one('HGETALL', 'HKEYS', 'HVALS', 'HLEN'), keyOf.h),
  cmd('HINCRBY', keyOf.h, member, int),
  cmd('HINCRBYFLOAT', keyOf.h, member, amount),
  cmd('HSCAN', keyOf.h, one('0', 'x'), some(cmd('MATCH', one('*', 'a*', '?')), cmd('COUNT', one('1000', '0', 'x')))),
  cmd('HRANDFIELD', keyOf.h, maybe(one('100', '0', '-3', 'x'), maybe(one('WITHVALUES', 'OOPS')))),
]

const sets = [
  cmd(one('SADD', 'SREM', 'SMISMEMBER'), keyOf.e, many(member)),
  cmd('SISMEMBER', keyOf.e, member),
  cmd(one('SMEMBERS', 'SCARD'), keyOf.e),
  cmd('SPOP', keyOf.e, one('100', '0', '-1', 'x')),
  cmd('SRANDMEMBER', keyOf.e, maybe(one('100', '0', '-3', 'x'))),
  cmd('SMOVE', keyOf.e, keyOf.e, member),
  cmd(one('SINTER', 'SUNION', 'SDIFF', 'SINTERSTORE', 'SUNIONSTORE', 'SDIFFSTORE'), many(keyOf.e, 2, 3)),
  cmd('SINTERCARD', one('1', '2', '0', 'x'), many(keyOf.e, 2, 2), maybe('LIMIT', int)),
  cmd('SSCAN', keyOf.e, '0', some(cmd('MATCH', one('*', 'a*')), cmd('COUNT', one('1000', '0', 'x')))),
]

const zaddFlags = some('NX', 'XX', 'GT', 'LT', 'CH', 'INCR')
const limit = maybe('LIMIT', index, index)
const sources = fc.oneof(cmd('2', keyOf.z, one('z1', 'z2', 'e1')), cmd('1', keyOf.z), cmd(one('0', 'x', '9'), keyOf.z))
const combine = some(
  cmd('WEIGHTS', score, score),
  cmd('WEIGHTS', score),
  cmd('AGGREGATE', one('SUM', 'MIN', 'MAX', 'x')),
  'WITHSCORES',
)
const zsets = [
  cmd('ZADD', keyOf.z, zaddFlags, pairs(score, member)),
  cmd('ZADD', keyOf.z, pairs(one('1', '2', '2.5', '3', '1e300', '0.30000000000000004'), member)),
  cmd(one('ZREM', 'ZMSCORE'), keyOf.z, many(member)),
  cmd(one('ZSCORE', 'ZRANK', 'ZREVRANK'), keyOf.z, member),
  cmd('ZINCRBY', keyOf.z, score, member),
  cmd('ZCARD', keyOf.z),
  cmd(one('ZCOUNT', 'ZREMRANGEBYSCORE'), keyOf.z, bound, bound),
  cmd('ZREMRANGEBYRANK', keyOf.z, index, index),
  cmd('ZRANGE', keyOf.z, index, index, some('REV', 'WITHSCORES', 'OOPS', cmd('LIMIT', '0', '1'))),
  cmd('ZRANGE', keyOf.z, bound, bound, 'BYSCORE', some('REV', 'WITHSCORES', 'BYSCORE'), limit),
  cmd('ZREVRANGE', keyOf.z, index, index, maybe(one('WITHSCORES', 'REV'))),
  cmd(one('ZRANGEBYSCORE', 'ZREVRANGEBYSCORE'), keyOf.z, bound, bound, maybe('WITHSCORES'), limit),
  cmd('ZRANGESTORE', keyOf.z, keyOf.z, bound, bound, maybe('BYSCORE'), maybe('REV'), limit),
  cmd(one('ZPOPMIN', 'ZPOPMAX'), keyOf.z, maybe(one('0', '1', '2', '100', '-1', 'x'))),
  cmd(one('ZUNION', 'ZINTER', 'ZDIFF'), sources, combine),
  cmd(one('ZUNIONSTORE', 'ZINTERSTORE', 'ZDIFFSTORE'), keyOf.z, sources, combine),
  cmd('ZINTERCARD', sources, maybe('LIMIT', int)),
  cmd('ZSCAN', keyOf.z, '0', some(cmd('MATCH', one('*', 'a*')), cmd('COUNT', one('1000', '0', 'x')))),
  cmd('ZRANDMEMBER', keyOf.z, maybe(one('100', '0', '-3', 'x'), maybe('WITHSCORES'))),
  // By member only where all scores are equal, as the documentation demands: a key of its own.
  cmd('ZADD', 'lex', pairs(one('0'), member)),
  cmd(one('ZRANGEBYLEX', 'ZREVRANGEBYLEX'), 'lex', lexBound, lexBound, limit),
  cmd('ZRANGE', 'lex', lexBound, lexBound, 'BYLEX', some('REV', 'WITHSCORES'), limit),
  cmd(one('ZLEXCOUNT', 'ZREMRANGEBYLEX'), 'lex', lexBound, lexBound),
]

/** Few, so that searches find something. */
const element = one('x', '1', '', 'ÿ\0')
const lists = [
  cmd(one('LPUSH', 'RPUSH', 'LPUSHX', 'RPUSHX'), list, many(element)),
  cmd(one('LPOP', 'RPOP'), list, maybe(one('0', '1', '2', '100', '-1', 'x'))),
  cmd('LLEN', list),
  cmd(one('LRANGE', 'LTRIM'), list, index, index),
  cmd('LINDEX', list, index),
  cmd('LSET', list, index, element),
  cmd('LREM', list, index, element),
  cmd('LINSERT', list, one('BEFORE', 'after', 'x'), element, element),
  cmd('LMOVE', list, list, one('LEFT', 'RIGHT', 'x'), one('LEFT', 'RIGHT')),
  cmd('RPOPLPUSH', list, list),
  cmd('LPOS', list, element, some(cmd('RANK', index), cmd('COUNT', index), cmd('MAXLEN', index), 'OOPS')),
]

const fieldType = one('u8', 'i8', 'u3', 'i5', 'u63', 'i64', 'u16', 'i16', 'u64', 'i0', 'x8')
const fieldOffset = one('0', '1', '5', '#0', '#1', '#2', '100', '-1', '#x')
const bitfieldStep = fc.oneof(
  cmd('GET', fieldType, fieldOffset),
  // Not the lowest integer: the real server's range check wraps round there and takes it for a large one.
  cmd('SET', fieldType, fieldOffset, one('0', '1', '-1', '100', '-300', '70000', '9223372036854775807', 'x')),
  cmd('INCRBY', fieldType, fieldOffset, one('1', '-1', '100', '-200', '9223372036854775807')),
  cmd('OVERFLOW', one('WRAP', 'SAT', 'FAIL', 'x')),
)
const bits = [
  cmd('SETBIT', keyOf.b, one('0', '1', '7', '8', '9', '31', '100', '-1', 'x', '4294967296'), bit),
  cmd('GETBIT', keyOf.b, offset),
  cmd('BITCOUNT', keyOf.b, maybe(index, index, maybe(one('BIT', 'BYTE', 'x')))),
  cmd('BITPOS', keyOf.b, bit, maybe(index, maybe(index, maybe(one('BIT', 'BYTE', 'x'))))),
  cmd('BITOP', one('AND', 'OR', 'XOR', 'NOT', 'x'), one('b1', 's2'), many(one('b1', 's1', 's2'), 1, 3)),
  cmd(
    'BITFIELD',
    keyOf.b,
    fc.array(bitfieldStep, { minLength: 1, maxLength: 3 }).map((made) => made.flat()),
  ),
  cmd('BITFIELD_RO', keyOf.b, one('GET', 'SET'), fieldType, fieldOffset),
]

const streamId = one('1-1', '2-1', '3', '3-5', '5-0', '0-0', '9-*', 'x', '0-1', '9')
const streams = [
  cmd(
    'XADD',
    stream,
    some('NOMKSTREAM', cmd('MAXLEN', maybe('='), index), cmd('MINID', streamId)),
    streamId,
    pairs(member, value),
  ),
  cmd('XLEN', stream),
  cmd('XRANGE', stream, one('-', '1', '2-1', '(2-1', 'x'), one('+', '3', '(3-5', '2'), maybe('COUNT', index)),
  cmd('XREVRANGE', stream, one('+', '3', '2'), one('-', '1', '(1-1'), maybe('COUNT', index)),
  cmd('XTRIM', stream, one('MAXLEN', 'MINID', 'x'), one('0', '1', '2', '-1')),
  cmd('XDEL', stream, many(streamId)),
  cmd('XREAD', maybe('COUNT', one('1', '2')), 'STREAMS', stream, streamId),
]

const scripts = one(
  "return redis.call('get', KEYS[1])",
  'return {1, 2.9, -1.5, "a", true, false, nil, 4}',
  "return redis.pcall('incr', KEYS[1])",
  "return redis.call('incr', KEYS[1])",
  "return {KEYS[1], ARGV[1], #ARGV, tonumber(ARGV[1]) or 'none'}",
  "redis.call('set', KEYS[1], 10 / 4) return redis.call('get', KEYS[1])",
  "return redis.status_reply('FINE')",
  "return redis.error_reply('BAD thing')",
  "return {err = 'MY own'}",
  "return tostring(1700000000000) .. '|' .. 3 / 2 .. '|' .. 2^53",
  "local t = redis.call('zrange', KEYS[1], 0, -1, 'WITHSCORES') return #t",
  'return redis.sha1hex(ARGV[1])',
  "return cjson.encode({1, 2.5, 'x', {a = true}})",
  'return cjson.decode(\'[1, "b", [3]]\')',
  "return string.format('%d %s %5.1f', 1700000000000, 'x', 2.75)",
  "return redis.call('nosuch')",
  "return redis.call('get')",
  "error('boom')",
  "return redis.call('multi')",
  'return nothere',
)
const rest = [
  cmd(one('MULTI', 'EXEC', 'DISCARD', 'UNWATCH', 'PING')),
  cmd('WATCH', anyKey),
  cmd('ECHO', value),
  cmd('NOSUCH', many(value, 0, 2)),
  cmd('EVAL', scripts, '1', anyKey, value),
  cmd(
    one('EVAL', 'EVAL_RO'),
    one("return redis.call('set', KEYS[1], 'x')", 'return #KEYS'),
    one('0', '1', '2', '-1', 'x'),
    anyKey,
  ),
  cmd('EVALSHA', one('abc', 'e0e1f9fabfc9d4800c877a703b823ac0578ff8db'), '0'),
  cmd('SCRIPT', one('EXISTS', 'LOAD', 'FLUSH', 'NOPE'), one('return 1', 'sync')),
  cmd('SELECT', one('0', 'x', '16', '-1')),
  cmd('HELLO', one('3x', '9')),
]

/** One argument too few or too many, now and then. */
function careless(command: fc.Arbitrary<string[]>): fc.Arbitrary<string[]> {
  return fc.tuple(command, fc.integer({ min: 0, max: 29 })).map(([argv, dice]) => {
    // SPOP without a count would leave the two servers with different sets.
    if (dice === 0 && argv.length > 1 && argv[0] !== 'SPOP') return argv.slice(0, -1)
    // ZRANK takes WITHSCORE since 7.2.
    return dice === 1 && !argv[0]!.endsWith('RANK') ? [...argv, 'extra'] : argv
  })
}

/** Commands of every type; transactions and scripts are rarer. */
export const randomCommand: fc.Arbitrary<string[]> = careless(
  fc.oneof(
    { weight: 3, arbitrary: fc.oneof(...strings) },
    { weight: 3, arbitrary: fc.oneof(...keys) },
    { weight: 2, arbitrary: fc.oneof(...hashes) },
    { weight: 2, arbitrary: fc.oneof(...sets) },
    { weight: 4, arbitrary: fc.oneof(...zsets) },
    { weight: 2, arbitrary: fc.oneof(...lists) },
    { weight: 2, arbitrary: fc.oneof(...bits) },
    { weight: 1, arbitrary: fc.oneof(...streams) },
    { weight: 1, arbitrary: fc.oneof(...rest) },
  ),
)
