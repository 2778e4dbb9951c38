import { expect, it } from 'vitest'
import { JsonWriter, SLAB_BYTES } from './json-writer.ts'

const LARGE = 'x'.repeat(1024 * 1024)

it('what little comes after a large answer does not hold the memory of that', () => {
  const writer = new JsonWriter()
  writer.string(LARGE)
  expect(writer.take().toString()).toBe(JSON.stringify(LARGE))
  writer.string('small')
  const small = writer.take()
  expect(small.toString()).toBe('"small"')
  expect(small.buffer.byteLength).toBe(SLAB_BYTES)
})

it('nor after one that was given up', () => {
  const writer = new JsonWriter()
  writer.string('before')
  const before = writer.take()
  writer.string(LARGE)
  writer.reset()
  expect(writer.length).toBe(0)
  writer.string('after')
  const after = writer.take()
  expect([before.toString(), after.toString()]).toEqual(['"before"', '"after"'])
  expect(after.buffer.byteLength).toBe(SLAB_BYTES)
})
