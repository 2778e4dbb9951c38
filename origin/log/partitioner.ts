/**
 * Which partition a key belongs to: murmur2, exactly as Kafka's default partitioner has it, so that a move to Kafka with
 * as many partitions leaves every key where it was. Algorithm: Austin Appleby's MurmurHash2, 32 bits, Kafka's seed.
 */
const SEED = 0x9747b28c
const M = 0x5bd1e995

/** The hash as a signed 32-bit integer, as Kafka's Java prints it. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length
  let h = SEED ^ length
  const whole = length & ~3
  for (let i = 0; i < whole; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    k = Math.imul(k, M)
    k ^= k >>> 24
    h = Math.imul(h, M) ^ Math.imul(k, M)
  }
  let tail = 0
  for (let i = length - 1; i >= whole; i--) tail = (tail << 8) | bytes[i]!
  if (length > whole) h = Math.imul(h ^ tail, M)
  h ^= h >>> 13
  h = Math.imul(h, M)
  return h ^ (h >>> 15)
}

const encoder = new TextEncoder()

/** The partition (0 … partitions − 1) of a key. */
export function partitionOf(key: string, partitions: number): number {
  return (murmur2(encoder.encode(key)) & 0x7fffffff) % partitions
}
