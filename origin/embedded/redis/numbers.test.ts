import { describe, expect, it } from 'vitest'
import { addLongDoubles, formatLongDouble, parseLongDouble } from './long-double.ts'
import { float, formatDouble, int64, integer } from './numbers.ts'

describe('integers', () => {
  it('are read strictly', () => {
    expect([' 1', '+1', '01', '-0', '1.0', '', 'x'].map(integer)).toEqual(Array(7).fill(undefined))
    expect(['0', '-1', '1700000000000'].map(integer)).toEqual([0, -1, 1700000000000])
  })

  it('have 64 bits', () => {
    expect(int64('9223372036854775807')).toBe(2n ** 63n - 1n)
    expect(int64('-9223372036854775808')).toBe(-(2n ** 63n))
    expect(int64('9223372036854775808')).toBeUndefined()
  })
})

describe('doubles', () => {
  it('are printed with 17 significant digits, as C does', () => {
    const printed: [number, string][] = [
      [1, '1'],
      [-3, '-3'],
      [3.14, '3.1400000000000001'],
      [0.1, '0.10000000000000001'],
      [1e20, '1e+20'],
      [1e17, '1e+17'],
      [1 + 2 ** -17, '1.0000076293945312'],
      [12345678901234568, '12345678901234568'],
      [1e-5, '1.0000000000000001e-05'],
      [0.0001, '0.0001'],
      [1.7e308, '1.6999999999999999e+308'],
      [Number.POSITIVE_INFINITY, 'inf'],
      [Number.NEGATIVE_INFINITY, '-inf'],
    ]
    for (const [value, text] of printed) expect(formatDouble(value)).toBe(text)
  })

  it('are read as strtod does, but not NaN', () => {
    expect(['1.5', '+inf', '-Infinity', '.5', '3.', '1e3'].map(float)).toEqual([
      1.5,
      Number.POSITIVE_INFINITY,
      Number.NEGATIVE_INFINITY,
      0.5,
      3,
      1000,
    ])
    expect(['nan', '', ' 1', '1x', '1e400', '.'].map(float)).toEqual(Array(6).fill(undefined))
  })
})

describe('long doubles', () => {
  const sum = (a: string, b: string) => formatLongDouble(addLongDoubles(parseLongDouble(a)!, parseLongDouble(b)!))

  it('add as the real server does', () => {
    expect(sum('0.1', '0.2')).toBe('0.3')
    expect(sum('10.5', '0.1')).toBe('10.6')
    expect(sum('5.0e3', '2.0e2')).toBe('5200')
    expect(sum('-1', '1')).toBe('0')
    expect(sum('3', '-5.25')).toBe('-2.25')
  })
})
