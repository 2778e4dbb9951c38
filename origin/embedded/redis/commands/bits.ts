import type { Bytes } from '../bytes.ts'
import { type Call, type CommandSpec, read, write } from '../command.ts'
import { integer, integerArg } from '../numbers.ts'
import { errors, type Reply, ReplyError } from '../reply.ts'
import { mutable } from './strings.ts'

/** The last bit of the longest string (512 MiB). */
const MAX_BIT = 2 ** 32 - 1

type Data = string | Bytes

export function byteAt(data: Data, index: number): number {
  if (typeof data !== 'string') return data.at(index)
  return index < data.length ? data.charCodeAt(index) : 0
}

/** A bit offset; throws the server's error. */
function bitOffset(text: string): number {
  const offset = integer(text)
  if (offset === undefined || offset < 0 || offset > MAX_BIT) {
    throw new ReplyError('ERR bit offset is not an integer or out of range')
  }
  return offset
}

function bitArg(text: string, message: string): 0 | 1 {
  if (text === '0') return 0
  if (text === '1') return 1
  throw new ReplyError(message)
}

function setbit({ db }: Call, argv: readonly string[]): Reply {
  const [, key, offsetText, bitText] = argv as [string, string, string, string]
  const offset = bitOffset(offsetText)
  const bit = bitArg(bitText, 'ERR bit is not an integer or out of range')
  const bytes = mutable(db.edit(key, 'string') ?? '')
  const index = offset >>> 3
  const mask = 128 >> (offset & 7)
  const old = bytes.at(index)
  bytes.set(index, bit === 1 ? old | mask : old & ~mask)
  db.put(key, 'string', bytes, true)
  return old & mask ? 1 : 0
}

function getbit({ db }: Call, argv: readonly string[]): Reply {
  const offset = bitOffset(argv[2]!)
  const data = db.read(argv[1]!, 'string') ?? ''
  return byteAt(data, offset >>> 3) & (128 >> (offset & 7)) ? 1 : 0
}

/** A range of bits [from, end) out of `start stop [BYTE|BIT]`, counted in bytes unless BIT. */
function bitRange(start: number, stop: number, unit: string | undefined, length: number): [from: number, end: number] {
  const scale = unit === 'bit' ? 1 : 8
  const total = scale === 1 ? length * 8 : length
  const from = Math.max(0, start < 0 ? start + total : start)
  const last = Math.min(total - 1, Math.max(0, stop < 0 ? stop + total : stop))
  return from > last ? [0, 0] : [from * scale, (last + 1) * scale]
}

function unitArg(text: string | undefined): 'bit' | 'byte' | undefined {
  const unit = text?.toLowerCase()
  if (unit !== undefined && unit !== 'bit' && unit !== 'byte') throw errors.syntax()
  return unit
}

const POPCOUNT = Uint8Array.from({ length: 256 }, (_, byte) => byte.toString(2).replaceAll('0', '').length)

function bitcount({ db }: Call, argv: readonly string[]): Reply {
  const data = db.read(argv[1]!, 'string')
  if (data === undefined) return 0
  if (argv.length === 3 || argv.length > 5) throw errors.syntax()
  const [start, stop] = argv.length === 2 ? [0, -1] : [integerArg(argv[2]!), integerArg(argv[3]!)]
  if (start < 0 && stop < 0 && start > stop) return 0
  const unit = unitArg(argv[4])
  const [from, end] = bitRange(start, stop, unit, data.length)
  let total = 0
  for (let bit = from; bit < end; ) {
    const aligned = (bit & 7) === 0 && end - bit >= 8
    if (aligned) total += POPCOUNT[byteAt(data, bit >>> 3)]!
    else if (byteAt(data, bit >>> 3) & (128 >> (bit & 7))) total++
    bit += aligned ? 8 : 1
  }
  return total
}

function bitpos({ db }: Call, argv: readonly string[]): Reply {
  const bit = bitArg(integerArg(argv[2]!) === 0 ? '0' : argv[2]!, 'ERR The bit argument must be 1 or 0.')
  const data = db.read(argv[1]!, 'string')
  if (data === undefined) return bit === 1 ? -1 : 0
  if (argv.length > 6) throw errors.syntax()
  const start = argv[3] === undefined ? 0 : integerArg(argv[3])
  const unit = unitArg(argv[5])
  const stop = argv[4] === undefined ? -1 : integerArg(argv[4])
  const [from, end] = bitRange(start, stop, unit, data.length)
  const plain = bit === 1 ? 0 : 255
  for (let at = from; at < end; ) {
    const byte = byteAt(data, at >>> 3)
    if ((at & 7) === 0 && end - at >= 8 && byte === plain) at += 8
    else if ((byte & (128 >> (at & 7)) ? 1 : 0) === bit) return at
    else at++
  }
  // Looking for a clear bit without an explicit end: the string counts as padded with zeros.
  return bit === 0 && argv[4] === undefined && from < end ? end : -1
}

const operations: Readonly<Record<string, (a: number, b: number) => number>> = {
  and: (a, b) => a & b,
  or: (a, b) => a | b,
  xor: (a, b) => a ^ b,
  not: (a) => ~a & 255,
}

function bitop({ db }: Call, argv: readonly string[]): Reply {
  const name = argv[1]!.toLowerCase()
  if (!Object.hasOwn(operations, name)) throw errors.syntax()
  if (name === 'not' && argv.length !== 4)
    throw new ReplyError('ERR BITOP NOT must be called with a single source key.')
  const combine = operations[name]!
  const sources = argv.slice(3).map((key) => db.read(key, 'string') ?? '')
  const length = Math.max(...sources.map((source) => source.length))
  const out = Buffer.alloc(length)
  for (let i = 0; i < length; i++) {
    let byte = byteAt(sources[0]!, i)
    if (name === 'not') byte = combine(byte, 0)
    for (let s = 1; s < sources.length; s++) byte = combine(byte, byteAt(sources[s]!, i))
    out[i] = byte
  }
  if (length === 0) db.remove(argv[2]!)
  else db.put(argv[2]!, 'string', out.toString('latin1', 0, length))
  return length
}

export const bitCommands: readonly CommandSpec[] = [
  write('setbit', 4, setbit),
  read('getbit', 3, getbit),
  read('bitcount', -2, bitcount),
  read('bitpos', -3, bitpos),
  write('bitop', -4, bitop, [2, -1, 1]),
]
