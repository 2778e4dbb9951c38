import type { Command } from './resp.ts'

/** What a token may do. */
export type Access = 'readWrite' | 'readOnly'

/**
 * How a command may run.
 * - `shared`: on the connection that all requests use
 * - `blocking`: it may wait, so it needs a connection of its own
 * - `acknowledge`: it would change the shared connection and has no other effect: answered OK, not executed
 * - anything else is the text of the error that refuses it
 */
export type Verdict = 'shared' | 'blocking' | 'acknowledge' | { refused: string }

/** They change the state of the connection, which belongs to everybody. MULTI has an endpoint of its own. */
const STATEFUL =
  'ASKING AUTH CLIENT DISCARD EXEC HELLO MONITOR MULTI PSUBSCRIBE PSYNC PUNSUBSCRIBE QUIT READONLY READWRITE REPLCONF RESET SELECT SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE SYNC UNSUBSCRIBE UNWATCH WATCH'

/** They act on the server, or make it act on other hosts (MIGRATE, REPLICAOF): not for people who hold a data token. */
const ADMIN =
  'ACL BGREWRITEAOF BGSAVE CLUSTER CONFIG DEBUG FAILOVER LATENCY MIGRATE MODULE PFDEBUG PFSELFTEST REPLICAOF RESTORE-ASKING SAVE SENTINEL SHUTDOWN SLAVEOF SLOWLOG SWAPDB TFUNCTION'

const BLOCKING = 'BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN WAIT WAITAOF'

/** Everything a read-only token may run. A list of what is allowed, so that a command unknown here is refused. */
const READS =
  'BITCOUNT BITFIELD_RO BITPOS COMMAND DBSIZE DUMP ECHO EVALSHA_RO EVAL_RO EXISTS EXPIRETIME FCALL_RO GEODIST GEOHASH GEOPOS GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH GET GETBIT GETRANGE HEXISTS HEXPIRETIME HGET HGETALL HKEYS HLEN HMGET HPEXPIRETIME HPTTL HRANDFIELD HSCAN HSTRLEN HTTL HVALS INFO JSON.ARRINDEX JSON.ARRLEN JSON.GET JSON.MGET JSON.OBJKEYS JSON.OBJLEN JSON.RESP JSON.STRLEN JSON.TYPE KEYS LCS LINDEX LLEN LOLWUT LPOS LRANGE MGET OBJECT PEXPIRETIME PFCOUNT PING PTTL PUBSUB RANDOMKEY SCAN SCARD SDIFF SINTER SINTERCARD SISMEMBER SMEMBERS SMISMEMBER SORT_RO SRANDMEMBER SSCAN STRLEN SUBSTR SUNION TIME TOUCH TTL TYPE XINFO XLEN XPENDING XRANGE XREAD XREVRANGE ZCARD ZCOUNT ZDIFF ZINTER ZINTERCARD ZLEXCOUNT ZMSCORE ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION'

const words = (list: string): ReadonlySet<string> => new Set(list.split(' '))
const stateful = words(STATEFUL)
const admin = words(ADMIN)
const blocking = words(BLOCKING)
const reads = words(READS)
/** Names that need a closer look; everything else is decided by one look-up. */
const special = words(`${STATEFUL} ${ADMIN} ${BLOCKING} MEMORY SCRIPT XREAD XREADGROUP`)

/** Decides how, and whether, a command may run for a token with this access. */
export function judge(command: Command, access: Access): Verdict {
  const name = nameOf(command)
  if (access === 'readOnly' && !reads.has(name)) return { refused: noPermission(name) }
  if (!special.has(name)) return 'shared'
  if (name === 'XREAD' || name === 'XREADGROUP') return blocks(command, name) ? 'blocking' : 'shared'
  if (blocking.has(name)) return 'blocking'
  const subcommand = String(command[1] ?? '').toUpperCase()
  if (name === 'CLIENT' && subcommand === 'SETINFO') return 'acknowledge'
  if (name === 'SCRIPT') return subcommand === 'DEBUG' ? unavailable('SCRIPT DEBUG') : 'shared'
  if (name === 'MEMORY') return subcommand === 'USAGE' ? 'shared' : unavailable('MEMORY')
  if (stateful.has(name) || admin.has(name)) return unavailable(name)
  return 'shared'
}

/** The upper-case name of a command. */
export function nameOf(command: Command): string {
  return String(command[0]).toUpperCase()
}

/** Redis' own words for a command that an ACL user may not run, as Upstash gives them. */
export function noPermission(name: string): string {
  return `NOPERM this user has no permissions to run the '${name.toLowerCase()}' command or its subcommand`
}

function unavailable(name: string): Verdict {
  return { refused: `ERR Command is not available: '${name}'. It needs a connection of its own or changes the server` }
}

/** Whether an XREAD or XREADGROUP carries BLOCK among its options. After STREAMS only keys and ids follow. */
function blocks(command: Command, name: string): boolean {
  // XREADGROUP GROUP <group> <consumer> …: a consumer may be called BLOCK.
  for (let i = name === 'XREADGROUP' ? 4 : 1; i < command.length; i++) {
    const option = String(command[i]).toUpperCase()
    if (option === 'STREAMS') return false
    if (option === 'BLOCK') return true
  }
  return false
}
