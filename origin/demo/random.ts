/** Seeded chance: the same seed tells the same story on every machine. */
import type { Random } from '#core/ids.ts'

/** xmur3 spreads the seed's characters, sfc32 (PractRand's small fast counter) draws from them. */
export function seededRandom(seed: string): Random {
  let h = 1779033703 ^ seed.length
  for (let i = 0; i < seed.length; i++) {
    h = Math.imul(h ^ seed.charCodeAt(i), 3432918353)
    h = (h << 13) | (h >>> 19)
  }
  const word = () => {
    h = Math.imul(h ^ (h >>> 16), 2246822507)
    h = Math.imul(h ^ (h >>> 13), 3266489909)
    h ^= h >>> 16
    return h >>> 0
  }
  let [a, b, c, d] = [word(), word(), word(), word()]
  return () => {
    const sum = (a + b + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    return (sum >>> 0) / 2 ** 32
  }
}

export const between = (random: Random, low: number, high: number): number => low + (high - low) * random()

export function pick<T>(random: Random, list: readonly T[]): T {
  const item = list[Math.floor(random() * list.length)]
  if (item === undefined) throw new RangeError('nothing to pick from')
  return item
}

/** Fisher–Yates, on a copy. */
export function shuffled<T>(random: Random, list: readonly T[]): T[] {
  const copy = [...list]
  for (let i = copy.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1))
    const item = copy[i] as T
    copy[i] = copy[j] as T
    copy[j] = item
  }
  return copy
}

/** The index that a roulette over the weights stops at; weights of 0 are never chosen. −1 when all are 0. */
export function weightedIndex(random: Random, weights: readonly number[]): number {
  let ball = random() * weights.reduce((sum, weight) => sum + weight, 0)
  let last = -1
  for (const [i, weight] of weights.entries()) {
    if (weight <= 0) continue
    last = i
    ball -= weight
    if (ball < 0) return i
  }
  return last
}

/** Log-normal with median 1: many small values and a few large ones. Box and Muller's method. */
export function logNormal(random: Random, sigma: number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())
  return Math.exp(sigma * normal)
}
