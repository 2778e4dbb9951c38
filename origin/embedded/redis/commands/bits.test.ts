import fc from 'fast-check'
import { expect, it } from 'vitest'
import { startSession } from '../testing/session.ts'

it('sets, reads, counts and finds bits like a plain array of them', async () => {
  const { ask } = await startSession()
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(fc.nat(200), fc.nat(1)), { minLength: 1, maxLength: 30 }), async (changes) => {
      await ask('DEL bits')
      const model = new Map<number, number>()
      for (const [offset, bit] of changes) {
        expect(await ask(`SETBIT bits ${offset} ${bit}`)).toBe(model.get(offset) ?? 0)
        model.set(offset, bit)
      }
      const ones = [...model].filter(([, bit]) => bit === 1).map(([offset]) => offset)
      expect(await ask('BITCOUNT bits')).toBe(ones.length)
      expect(await ask('BITPOS bits 1')).toBe(ones.length > 0 ? Math.min(...ones) : -1)
    }),
    { numRuns: 20 },
  )
})

it('combines strings of different lengths', async () => {
  const { ask } = await startSession()
  await ask('SET a', '\xf0\xff')
  await ask('SET b', '\x3c')
  expect(await ask('BITOP AND c a b')).toBe(2)
  expect(await ask('GET c')).toBe('\x30\x00')
  expect(await ask('BITOP NOT c b')).toBe(1)
  expect(await ask('GET c')).toBe('\xc3')
})

it('BITFIELD counts with wrap, saturation and refusal', async () => {
  const { ask } = await startSession()
  expect(await ask('BITFIELD f SET u8 0 255 GET i8 0')).toEqual([0, -1])
  expect(await ask('BITFIELD f INCRBY u8 0 2')).toEqual([1])
  expect(await ask('BITFIELD f OVERFLOW SAT INCRBY u8 0 1000')).toEqual([255])
  expect(await ask('BITFIELD f OVERFLOW FAIL INCRBY u8 0 1')).toEqual([null])
  expect(await ask('BITFIELD_RO f GET u4 #1')).toEqual([15])
})
