import type { Bytes } from '../bytes.ts'
import { type Call, type CommandSpec, read, write } from '../command.ts'
import { int64, integer } from '../numbers.ts'
import { errors, type Reply, ReplyError } from '../reply.ts'
import { byteAt } from './bits.ts'
import { mutable } from './strings.ts'

const MAX_BIT = 2 ** 32

type Overflow = 'wrap' | 'sat' | 'fail'

interface Step {
  readonly kind: 'get' | 'set' | 'incrby'
  readonly signed: boolean
  readonly bits: number
  readonly offset: number
  readonly value: bigint
  readonly overflow: Overflow
}

/** `i8`, `u16` …: at most 64 bits signed, 63 unsigned. */
function fieldType(text: string): { signed: boolean; bits: number } {
  const signed = text.startsWith('i')
  const bits = integer(text.slice(1))
  if (!/^[iu]/.test(text) || bits === undefined || bits < 1 || bits > (signed ? 64 : 63)) {
    throw new ReplyError(
      'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.',
    )
  }
  return { signed, bits }
}

/** `123` counts bits, `#3` fields. */
function fieldOffset(text: string, bits: number): number {
  const number = integer(text.startsWith('#') ? text.slice(1) : text)
  const offset = number === undefined ? -1 : text.startsWith('#') ? number * bits : number
  if (offset < 0 || offset + bits > MAX_BIT) throw new ReplyError('ERR bit offset is not an integer or out of range')
  return offset
}

function steps(argv: readonly string[], readOnly: boolean): Step[] {
  const parsed: Step[] = []
  let overflow: Overflow = 'wrap'
  for (let i = 2; i < argv.length; ) {
    const kind = argv[i]!.toLowerCase()
    const left = argv.length - i - 1
    if (kind === 'overflow' && left >= 1) {
      const mode = argv[i + 1]!.toLowerCase()
      if (mode !== 'wrap' && mode !== 'sat' && mode !== 'fail')
        throw new ReplyError('ERR Invalid OVERFLOW type specified')
      overflow = mode
      i += 2
      continue
    }
    const isGet = kind === 'get' && left >= 2
    if (!isGet && !((kind === 'set' || kind === 'incrby') && left >= 3)) throw errors.syntax()
    const { signed, bits } = fieldType(argv[i + 1]!)
    const offset = fieldOffset(argv[i + 2]!, bits)
    const value = isGet ? 0n : int64(argv[i + 3]!)
    if (value === undefined) throw errors.notInteger()
    parsed.push({ kind: kind as Step['kind'], signed, bits, offset, value, overflow })
    i += isGet ? 3 : 4
  }
  if (readOnly && parsed.some((step) => step.kind !== 'get')) {
    throw new ReplyError('ERR BITFIELD_RO only supports the GET subcommand')
  }
  return parsed
}

function readField(data: string | Bytes, { offset, bits, signed }: Step): bigint {
  let value = 0n
  for (let i = 0; i < bits; i++) {
    const bit = offset + i
    value = (value << 1n) | (byteAt(data, Math.floor(bit / 8)) & (128 >> (bit & 7)) ? 1n : 0n)
  }
  return signed ? BigInt.asIntN(bits, value) : value
}

function writeField(data: Bytes, { offset, bits }: Step, value: bigint): void {
  const unsigned = BigInt.asUintN(bits, value)
  for (let i = 0; i < bits; i++) {
    const bit = offset + i
    const index = Math.floor(bit / 8)
    const mask = 128 >> (bit & 7)
    const isSet = (unsigned >> BigInt(bits - 1 - i)) & 1n
    data.set(index, isSet ? data.at(index) | mask : data.at(index) & ~mask)
  }
}

/** The value as the field can hold it; undefined when the overflow rule refuses. */
function clampTo(value: bigint, { signed, bits, overflow }: Step): bigint | undefined {
  const size = BigInt(bits)
  const max = signed ? (1n << (size - 1n)) - 1n : (1n << size) - 1n
  const min = signed ? -(1n << (size - 1n)) : 0n
  if (value >= min && value <= max) return value
  if (overflow === 'fail') return undefined
  if (overflow === 'sat') return value > max ? max : min
  return signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)
}

function bitfield(readOnly: boolean) {
  return ({ db }: Call, argv: readonly string[]): Reply => {
    const plan = steps(argv, readOnly)
    const key = argv[1]!
    const stored = db.read(key, 'string')
    const changes = plan.filter((step) => step.kind !== 'get')
    if (changes.length === 0) return plan.map((step) => readField(stored ?? '', step))
    const data = mutable(db.edit(key, 'string') ?? '')
    data.grow(Math.max(...changes.map((step) => Math.floor((step.offset + step.bits - 1) / 8) + 1)))
    const replies = plan.map((step) => {
      const old = readField(data, step)
      if (step.kind === 'get') return old
      // An unsigned field takes SET values as unsigned 64 bits, as the server does.
      const given = step.kind === 'set' ? (step.signed ? step.value : BigInt.asUintN(64, step.value)) : old + step.value
      const next = clampTo(given, step)
      if (next === undefined) return null
      writeField(data, step, next)
      return step.kind === 'set' ? old : next
    })
    db.put(key, 'string', data, true)
    return replies
  }
}

export const bitfieldCommands: readonly CommandSpec[] = [
  write('bitfield', -2, bitfield(false)),
  read('bitfield_ro', -2, bitfield(true)),
]
