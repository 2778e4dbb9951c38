/**
 * Where a command's keys lie in a Redis Cluster: one of 16,384 slots a key, by CRC16 of the key or of its hash tag (the text
 * between the first `{` and the next `}`). A node executes a command only when all its keys share a slot that it owns.
 * https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
 */

export const SLOTS = 16_384

export type Argument = string | number | Uint8Array
export type Arguments = readonly Argument[]

/** CRC-16/XMODEM by table: polynomial 0x1021, start 0. */
const CRC = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc & 0xffff
})

const OPEN = 0x7b
const CLOSE = 0x7d
const encoder = new TextEncoder()

/** The slot of one key. */
export function keySlot(key: Argument): number {
  if (typeof key === 'object') return bytesSlot(key)
  const text = String(key)
  const open = text.indexOf('{')
  const close = open < 0 ? -1 : text.indexOf('}', open + 1)
  const isTagged = close > open + 1
  const end = isTagged ? close : text.length
  let crc = 0
  for (let i = isTagged ? open + 1 : 0; i < end; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return bytesSlot(encoder.encode(text))
    crc = ((crc << 8) & 0xffff) ^ CRC[(crc >> 8) ^ code]!
  }
  return crc % SLOTS
}

function bytesSlot(key: Uint8Array): number {
  const open = key.indexOf(OPEN)
  const close = open < 0 ? -1 : key.indexOf(CLOSE, open + 1)
  const isTagged = close > open + 1
  const end = isTagged ? close : key.length
  let crc = 0
  for (let i = isTagged ? open + 1 : 0; i < end; i++) crc = ((crc << 8) & 0xffff) ^ CRC[(crc >> 8) ^ key[i]!]!
  return crc % SLOTS
}

const tags = new Map<number, string>()

/** A short hash tag that lies in a slot: a key that is to be where others are. */
export function slotTag(slot: number): string {
  for (let n = 0; !tags.has(slot); n++) {
    const tag = String(n)
    if (keySlot(tag) === slot) tags.set(slot, tag)
  }
  return tags.get(slot)!
}

/** The slot that all keys of a command share; `none` without a key, `several` where they lie in more than one. */
export function commandSlot(command: Arguments): number | 'none' | 'several' {
  const name = command[0] as string
  // Most commands have one key and are sent in capitals: one look-up that finds nothing.
  const keys = KEYS.get(name) ?? KEYS.get(name.toUpperCase())
  if (keys === undefined) return command.length > 1 ? keySlot(command[1]!) : 'none'
  return sharedSlot(keys(command))
}

/** Whether a command needs keys of several slots: no cluster can execute it. */
export function spansSlots(command: Arguments): boolean {
  const keys = KEYS.get(command[0] as string)
  return keys !== undefined && sharedSlot(keys(command)) === 'several'
}

/** The keys among a command's arguments. A command that is not known here has one, its first argument. */
export function keysOf(command: Arguments): Arguments {
  const keys = KEYS.get(String(command[0]).toUpperCase())
  return keys === undefined ? command.slice(1, 2) : keys(command)
}

function sharedSlot(keys: Arguments): number | 'none' | 'several' {
  if (keys.length === 0) return 'none'
  const slot = keySlot(keys[0]!)
  for (let i = 1; i < keys.length; i++) if (keySlot(keys[i]!) !== slot) return 'several'
  return slot
}

type FindKeys = (command: Arguments) => Arguments

const none: FindKeys = () => []
const between =
  (from: number, to?: number): FindKeys =>
  (command) =>
    command.slice(from, to)
const everyNth =
  (step: number): FindKeys =>
  (command) =>
    command.filter((_, i) => i > 0 && (i - 1) % step === 0)
/** As many as the argument at `at` says, after it. */
const counted =
  (at: number): FindKeys =>
  (command) =>
    command.slice(at + 1, at + 1 + (Number(command[at]) || 0))
const destinationAndCounted: FindKeys = (command) => [...command.slice(1, 2), ...counted(2)(command)]
/** The first half of what follows STREAMS; the other half are ids. */
const streams: FindKeys = (command) => {
  const at = command.findIndex((argument, i) => i > 0 && String(argument).toUpperCase() === 'STREAMS')
  return at < 0 ? [] : command.slice(at + 1, at + 1 + Math.floor((command.length - at - 1) / 2))
}
/** The first argument, and the key that the result is stored at. */
const stored: FindKeys = (command) => {
  const at = command.findIndex((argument, i) => i > 1 && /^store(dist)?$/i.test(String(argument)))
  return at < 0 ? command.slice(1, 2) : [...command.slice(1, 2), ...command.slice(at + 1, at + 2)]
}

/** What differs from one key as the first argument. */
const SHAPES: readonly (readonly [names: string, keys: FindKeys])[] = [
  [
    'ACL ASKING AUTH BGREWRITEAOF BGSAVE CLIENT CLUSTER COMMAND CONFIG DBSIZE DEBUG DISCARD ECHO EXEC FAILOVER FLUSHALL FLUSHDB FUNCTION HELLO INFO KEYS LASTSAVE LATENCY LOLWUT MODULE MONITOR MULTI PFSELFTEST PING PSUBSCRIBE PSYNC PUBLISH PUBSUB PUNSUBSCRIBE QUIT RANDOMKEY READONLY READWRITE REPLCONF REPLICAOF RESET ROLE SAVE SCAN SCRIPT SELECT SHUTDOWN SLAVEOF SLOWLOG SUBSCRIBE SWAPDB SYNC TIME UNSUBSCRIBE UNWATCH WAIT WAITAOF',
    none,
  ],
  [
    'DEL EXISTS MGET PFCOUNT PFMERGE SDIFF SDIFFSTORE SINTER SINTERSTORE SSUBSCRIBE SUNION SUNIONSTORE SUNSUBSCRIBE TOUCH UNLINK WATCH',
    between(1),
  ],
  ['MSET MSETNX', everyNth(2)],
  ['JSON.MSET', everyNth(3)],
  ['BLPOP BRPOP BZPOPMAX BZPOPMIN JSON.MGET', between(1, -1)],
  ['BLMOVE BRPOPLPUSH COPY GEOSEARCHSTORE LCS LMOVE RENAME RENAMENX RPOPLPUSH SMOVE ZRANGESTORE', between(1, 3)],
  ['MEMORY OBJECT XGROUP XINFO', between(2, 3)],
  ['BITOP', between(2)],
  ['LMPOP SINTERCARD ZDIFF ZINTER ZINTERCARD ZMPOP ZUNION', counted(1)],
  ['BLMPOP BZMPOP EVAL EVALSHA EVALSHA_RO EVAL_RO FCALL FCALL_RO', counted(2)],
  ['ZDIFFSTORE ZINTERSTORE ZUNIONSTORE', destinationAndCounted],
  ['XREAD XREADGROUP', streams],
  ['GEORADIUS GEORADIUSBYMEMBER SORT', stored],
]

const KEYS: ReadonlyMap<string, FindKeys> = new Map(
  SHAPES.flatMap(([names, keys]) => names.split(' ').map((name) => [name, keys] as const)),
)
