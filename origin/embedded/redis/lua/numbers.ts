import lobject from 'fengari/src/lobject.js'
import lstring from 'fengari/src/lstring.js'
import { formatGeneral } from '../numbers.ts'
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
  return formatGeneral(value, 14)
}
