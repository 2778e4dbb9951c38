import { type Call, type CommandSpec, write } from '../command.ts'
import { addLongDoubles, formatLongDouble, parseLongDouble } from '../long-double.ts'
import { fitsInt64, int64 } from '../numbers.ts'
import { errors, type Reply, ReplyError } from '../reply.ts'

/** Beyond this a Number is not exact; the slower BigInt takes over. */
const SAFE_DIGITS = 15

/** current + by as decimal text, in 64 bits; throws on overflow or if `current` is no integer (`error`). */
export function addIntegers(current: string, by: bigint, error = errors.notInteger): string {
  if (current.length <= SAFE_DIGITS && by < 1_000_000_000n && by > -1_000_000_000n) {
    if (int64(current) === undefined) throw error()
    return String(Number(current) + Number(by))
  }
  const value = int64(current)
  if (value === undefined) throw error()
  if (!fitsInt64(value + by)) throw errors.overflow()
  return String(value + by)
}

/** current + by in the server's long doubles, as text. */
export function addFloats(current: string, by: string, error = errors.notFloat): string {
  const value = parseLongDouble(current)
  if (value === undefined) throw error()
  const amount = parseLongDouble(by)
  if (amount === undefined) throw isInfinite(by) ? errors.notANumberResult() : errors.notFloat()
  return formatLongDouble(addLongDoubles(value, amount))
}

export function isInfinite(text: string): boolean {
  return /^[+-]?inf(inity)?$/i.test(text)
}

/** An integer reply from decimal text of up to 64 bits. */
export function integerReply(text: string): Reply {
  return text.length <= SAFE_DIGITS ? Number(text) : BigInt(text)
}

function addTo({ db }: Call, key: string, by: bigint): Reply {
  const sum = addIntegers(db.read(key, 'string')?.toString() ?? '0', by)
  db.put(key, 'string', sum, true)
  return integerReply(sum)
}

function incrby(call: Call, argv: readonly string[]): Reply {
  const by = int64(argv[2]!)
  if (by === undefined) throw errors.notInteger()
  return addTo(call, argv[1]!, by)
}

function decrby(call: Call, argv: readonly string[]): Reply {
  const by = int64(argv[2]!)
  if (by === undefined) throw errors.notInteger()
  if (!fitsInt64(-by)) throw new ReplyError('ERR decrement would overflow')
  return addTo(call, argv[1]!, -by)
}

function incrbyfloat({ db }: Call, argv: readonly string[]): Reply {
  const sum = addFloats(db.read(argv[1]!, 'string')?.toString() ?? '0', argv[2]!)
  db.put(argv[1]!, 'string', sum, true)
  return sum
}

export const counterCommands: readonly CommandSpec[] = [
  write('incr', 2, (call, argv) => addTo(call, argv[1]!, 1n)),
  write('decr', 2, (call, argv) => addTo(call, argv[1]!, -1n)),
  write('incrby', 3, incrby),
  write('decrby', 3, decrby),
  write('incrbyfloat', 3, incrbyfloat),
]
