import lobject from 'fengari/src/lobject.js'
import lstring from 'fengari/src/lstring.js'
import { luaString } from './strings.ts'

/**
 * Gives fengari the numbers of Lua 5.1, which is what Redis scripts are written for: every number is a double.
 *
 * fengari is a Lua 5.3 with 32-bit integers: left alone, `2000000000 + 2000000000` wraps round, and `'n:' .. 10 / 2` reads "n:5.0".
 * Its own callers reach both functions through the module object, so that replacing them there is enough: numerals become doubles, and
 * doubles print with `%.14g`.
 */
export function useDoublesOnly(): void {
  lobject.luaO_str2num = (text, into) => {
    const end = text.indexOf(0)
    const source = Buffer.from(end < 0 ? text : text.subarray(0, end)).toString('latin1')
    const value = numeral(source.trim())
    if (value === undefined) return 0
    into.setfltvalue(value)
    return source.length + 1
  }
  lobject.luaO_tostring = (L, object) => {
    object.setsvalue(lstring.luaS_bless(L, luaString(printNumber(Number(object.value)))))
  }
}

function numeral(text: string): number | undefined {
  const hex = /^([+-]?)0[xX]([0-9a-fA-F]+)$/.exec(text)
  if (hex) return Number.parseInt(hex[2]!, 16) * (hex[1] === '-' ? -1 : 1)
  return /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(text) ? Number(text) : undefined
}

/** C's `%.14g`, as Lua 5.1 prints. */
export function printNumber(value: number): string {
  if (Number.isInteger(value) && Math.abs(value) < 1e14) return Object.is(value, -0) ? '-0' : String(value)
  if (Number.isNaN(value)) return 'nan'
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf'
  const [mantissa = '', exponentText = '0'] = value.toExponential(13).split('e')
  const exponent = Number(exponentText)
  const trim = (text: string) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text)
  if (exponent >= -4 && exponent < 14) return trim(value.toFixed(Math.max(0, 13 - exponent)))
  const size = String(Math.abs(exponent)).padStart(2, '0')
  return `${trim(mantissa)}e${exponent < 0 ? '-' : '+'}${size}`
}
