import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { murmur2, partitionOf } from './partitioner.ts'

describe('partitioner', () => {
  it("hashes as Kafka's own test vectors say", () => {
    const vectors: [string, number][] = [
      ['21', -973932308],
      ['foobar', -790332482],
      ['a-little-bit-long-string', -985981536],
      ['a-little-bit-longer-string', -1486304829],
      ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
      ['abc', 479470107],
    ]
    for (const [key, hash] of vectors) expect(murmur2(new TextEncoder().encode(key))).toBe(hash)
  })

  it('gives every key one partition, within the range', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 1, max: 64 }), (key, partitions) => {
        const partition = partitionOf(key, partitions)
        expect(partition).toBeGreaterThanOrEqual(0)
        expect(partition).toBeLessThan(partitions)
        expect(partitionOf(key, partitions)).toBe(partition)
      }),
    )
  })

  it('spreads ids evenly', () => {
    const counts = new Array<number>(16).fill(0)
    for (let i = 0; i < 16_000; i++) counts[partitionOf(String(10n ** 17n + BigInt(i) * 8_388_608n), 16)]!++
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(200)
  })
})
