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

/** A double as the server prints it: C's `%.17g`, with `inf` and `-inf`. */
export function formatDouble(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e17) return Object.is(value, -0) ? '-0' : String(value)
  if (value === Number.POSITIVE_INFINITY) return 'inf'
  if (value === Number.NEGATIVE_INFINITY) return '-inf'
  if (Number.isNaN(value)) return 'nan'
  const [mantissa = '', exponentText = '0'] = value.toExponential(16).split('e')
  const exponent = Number(exponentText)
  if (exponent >= -4 && exponent < 17) {
    const fixed = value.toFixed(Math.min(100, 16 - exponent))
    return fixed.includes('.') ? fixed.replace(/\.?0+$/, '') : fixed
  }
  const digits = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa
  const size = Math.abs(exponent)
  return `${digits}e${exponent < 0 ? '-' : '+'}${size < 10 ? '0' : ''}${size}`
}
