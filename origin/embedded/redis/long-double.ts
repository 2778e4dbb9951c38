/**
 * The x87 80-bit long double, as far as INCRBYFLOAT and HINCRBYFLOAT need it: read a decimal, add, print with `%.17Lf`.
 * The real server counts in it, which is why 0.1 + 0.2 is 0.3 there; counting in doubles would answer differently.
 */
export interface LongDouble {
  /** At most 64 bits, signed. The value is mantissa × 2^exponent. */
  readonly mantissa: bigint
  readonly exponent: number
}

const PRECISION = 64
const DECIMALS = 17
/** The server's own bound on the text of a number (MAX_LONG_DOUBLE_CHARS is 5 KiB; exponents this large overflow anyway). */
const MAX_EXPONENT = 4932

/** Reads a finite decimal; undefined if it is none or out of range. */
export function parseLongDouble(text: string): LongDouble | undefined {
  const match = /^([+-]?)([0-9]*)\.?([0-9]*)(?:[eE]([+-]?[0-9]+))?$/.exec(text)
  if (!match) return undefined
  const [, sign, whole = '', fraction = '', power = '0'] = match
  if (whole === '' && fraction === '') return undefined
  const digits = BigInt(whole + fraction)
  const scale = Number(power) - fraction.length
  if (Math.abs(scale) > MAX_EXPONENT) return undefined
  const signed = sign === '-' ? -digits : digits
  return scale >= 0 ? round(signed * 10n ** BigInt(scale), 1n, 0) : round(signed, 10n ** BigInt(-scale), 0)
}

/** The sum, rounded to 64 bits. */
export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble {
  const exponent = Math.min(a.exponent, b.exponent)
  const left = a.mantissa << BigInt(a.exponent - exponent)
  const right = b.mantissa << BigInt(b.exponent - exponent)
  return round(left + right, 1n, exponent)
}

/** `%.17Lf`, without trailing zeros. */
export function formatLongDouble(value: LongDouble): string {
  const negative = value.mantissa < 0n
  const size = negative ? -value.mantissa : value.mantissa
  const scaled = size * 10n ** BigInt(DECIMALS)
  const hundredQuadrillionths =
    value.exponent >= 0 ? scaled << BigInt(value.exponent) : divideToEven(scaled, 1n << BigInt(-value.exponent))
  const digits = hundredQuadrillionths.toString().padStart(DECIMALS + 1, '0')
  const whole = digits.slice(0, -DECIMALS)
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, '')
  const text = fraction === '' ? whole : `${whole}.${fraction}`
  return negative && text !== '0' ? `-${text}` : text
}

/** numerator ÷ denominator × 2^exponent with a mantissa of at most 64 bits, halves to even. */
function round(numerator: bigint, denominator: bigint, exponent: number): LongDouble {
  if (numerator === 0n) return { mantissa: 0n, exponent: 0 }
  const negative = numerator < 0n
  const size = negative ? -numerator : numerator
  const shift = PRECISION - (bits(size) - bits(denominator))
  let mantissa =
    shift >= 0 ? divideToEven(size << BigInt(shift), denominator) : divideToEven(size, denominator << BigInt(-shift))
  let power = exponent - shift
  if (bits(mantissa) > PRECISION) {
    // One bit too many (the estimate of the quotient's size is off by one at most): redo with one bit less.
    mantissa =
      shift - 1 >= 0
        ? divideToEven(size << BigInt(shift - 1), denominator)
        : divideToEven(size, denominator << BigInt(1 - shift))
    power = exponent - shift + 1
  }
  return { mantissa: negative ? -mantissa : mantissa, exponent: power }
}

function divideToEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator
  const twice = (numerator % denominator) * 2n
  const up = twice > denominator || (twice === denominator && (quotient & 1n) === 1n)
  return up ? quotient + 1n : quotient
}

function bits(value: bigint): number {
  return value.toString(2).length
}
