import { errors } from './reply.ts'

const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)
const INTEGER = /^(?:0|-?[1-9][0-9]{0,18})$/
const FLOAT = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/
const INFINITE = /^[+-]?inf(?:inity)?$/i

/** The 64-bit integer in a string, in the server's strict form (no sign `+`, no blanks, no leading zeros); undefined otherwise. */
export function int64(text: string): bigint | undefined {
  if (!INTEGER.test(text)) return undefined
  const value = BigInt(text)
  return fitsInt64(value) ? value : undefined
}

export function fitsInt64(value: bigint): boolean {
  return value >= INT64_MIN && value <= INT64_MAX
}

/** Like int64, as a Number: exact up to 2^53, which is enough for counts, indexes and times. */
export function integer(text: string): number | undefined {
  if (text.length < 16) return INTEGER.test(text) ? Number(text) : undefined
  const value = int64(text)
  return value === undefined ? undefined : Number(value)
}

/** An integer argument; throws the server's error. */
export function integerArg(text: string, error = errors.notInteger): number {
  const value = integer(text)
  if (value === undefined) throw error()
  return value
}

/** A floating-point number as strtod reads it, but not NaN; undefined otherwise. */
export function float(text: string): number | undefined {
  if (FLOAT.test(text)) {
    const value = Number(text)
    return Number.isFinite(value) ? value : undefined
  }
  if (INFINITE.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
  return undefined
}

export function floatArg(text: string, error = errors.notFloat): number {
  const value = float(text)
  if (value === undefined) throw error()
  return value
}

/** Digits that decide whether a double lies exactly between two shorter decimals. */
const ENOUGH_DIGITS = 60

/** Like toExponential, but a tie goes to the even digit, as in C; JavaScript takes the larger. */
function exponential(value: number, digits: number): [mantissa: string, exponent: number] {
  const [mantissa = '', exponent = '0'] = value.toExponential(digits).split('e')
  const exact = value.toExponential(ENOUGH_DIGITS).split('e')[0]!
  const cut = exact.indexOf('.') + 1 + digits
  const isTie = /^50*$/.test(exact.slice(cut))
  const isOdd = Number(mantissa.at(-1)) % 2 === 1
  return [isTie && isOdd ? exact.slice(0, cut) : mantissa, Number(exponent)]
}

/** A number as C prints it with `%.<precision>g`. */
export function formatGeneral(value: number, precision: number): string {
  if (value === Number.POSITIVE_INFINITY) return 'inf'
  if (value === Number.NEGATIVE_INFINITY) return '-inf'
  if (Number.isNaN(value)) return 'nan'
  if (value < 0 || Object.is(value, -0)) return `-${formatGeneral(-value, precision)}`
  const [mantissa, exponent] = exponential(value, precision - 1)
  const digits = mantissa.replace('.', '')
  if (exponent < -4 || exponent >= precision) {
    const power = String(Math.abs(exponent)).padStart(2, '0')
    return `${withoutZeros(mantissa)}e${exponent < 0 ? '-' : '+'}${power}`
  }
  if (exponent < 0) return withoutZeros(`0.${'0'.repeat(-exponent - 1)}${digits}`)
  return withoutZeros(`${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`)
}

/** Drops the zeros at the end of a decimal's fraction, and a point with nothing behind it. */
function withoutZeros(decimal: string): string {
  return decimal.replace(/0+$/, '').replace(/\.$/, '')
}

/** A double as the server prints it: C's `%.17g`, with `inf` and `-inf`. */
export function formatDouble(value: number): string {
  // Most scores are whole: times in milliseconds.
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? String(value) : formatGeneral(value, 17)
}
