import fc from 'fast-check'

type Text = fc.Arbitrary<string>

export const one = (...values: string[]): Text => fc.constantFrom(...values)
const allKeys = ['s1', 's2', 'b1', 'h1', 'h2', 'e1', 'e2', 'z1', 'z2', 'l1', 'l2', 'x1']
export const key = (...own: string[]): Text =>
  fc.oneof({ weight: 7, arbitrary: one(...own) }, { weight: 1, arbitrary: one(...allKeys) })
export const keyOf = { s: key('s1', 's2'), b: key('b1'), h: key('h1', 'h2'), e: key('e1', 'e2'), z: key('z1', 'z2') }
export const list = key('l1', 'l2')
export const stream = key('x1')
export const anyKey = one(...allKeys, 'none')
export const member = one('a', 'b', 'c', 'd', 'aa', 'B', '1', '2', '10', '-5', '', 'ÿ\0\r\n')
export const value = one(
  'x',
  '',
  '0',
  '1',
  '10',
  '-7',
  '3.5',
  ' 1',
  '01',
  '+1',
  'abc',
  'ÿ\0é',
  '9223372036854775807',
  '1e3',
  'hello world',
)
export const int = one(
  '0',
  '1',
  '2',
  '3',
  '-1',
  '-2',
  '-3',
  '7',
  '100',
  '-100',
  '9223372036854775807',
  '-9223372036854775808',
  'x',
  '1.5',
  '',
)
export const index = one('0', '1', '2', '3', '-1', '-2', '-3', '5', '-100', '100', 'x')
export const score = one(
  '0',
  '1',
  '2',
  '3',
  '-1',
  '1.5',
  '-2.25',
  '0.1',
  '1e20',
  '1e-7',
  '123456789012',
  'inf',
  '-inf',
  '+inf',
  'nan',
  'x',
  '3.0',
)
export const amount = one(
  '1',
  '0.1',
  '0.2',
  '-1.5',
  '3.0e3',
  '5',
  '1234.1',
  'inf',
  'nan',
  'x',
  '1e400',
  '-0.1',
  '100000000000',
)
export const bound = one('0', '1', '2', '(1', '(2', '-1', '1.5', '-inf', '+inf', 'inf', '(inf', 'x', '(')
export const lexBound = one('-', '+', '[a', '(a', '[b', '(c', '[aa', '[', '(', 'a', '')
export const bit = one('0', '1', '2', 'x')
export const offset = one('0', '1', '7', '8', '9', '15', '31', '100', '-1', 'x', '4294967296')
export const seconds = one('1000', '2000', '5000', '0', '-1', 'x', '9223372036854775807')
/** Long enough that nothing ends while a sequence runs. */
export const milliseconds = one('100000', '200000', '0', '-1', 'x', '9223372036854775807')
export const later = one('33000000000', '34000000000', '0', '-1')

/** Part of a command: fixed words and arbitraries in order. */
type Part = string | Text | fc.Arbitrary<string[]>

export function cmd(...parts: Part[]): fc.Arbitrary<string[]> {
  return fc
    .tuple(...parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part)))
    .map((made) => made.flat())
}
export const many = (item: Text, minLength = 1, maxLength = 4): fc.Arbitrary<string[]> =>
  fc.array(item, { minLength, maxLength })
export const pairs = (a: Text, b: Text): fc.Arbitrary<string[]> => {
  return fc.array(fc.tuple(a, b), { minLength: 1, maxLength: 4 }).map((made) => made.flat())
}
export const some = (...options: Part[]): fc.Arbitrary<string[]> => {
  const arbitraries = options.map((option) => cmd(option))
  return fc.array(fc.oneof(...arbitraries), { maxLength: 2 }).map((made) => made.flat())
}
export const maybe = (...parts: Part[]): fc.Arbitrary<string[]> => fc.oneof(fc.constant<string[]>([]), cmd(...parts))
