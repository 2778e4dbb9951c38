import type { Random } from '#core/ids.ts'
import { integerArg } from '../numbers.ts'
import { errors } from '../reply.ts'

/** The bound the real server sets on negative counts (repetitions allowed): half of what fits a long. */
const MAX_REPEATS = 2 ** 62

/** What SRANDMEMBER, HRANDFIELD and ZRANDMEMBER share. */
export const randomPicks = {
  /** The count: positive = that many distinct ones, negative = with repetitions. */
  countArg(text: string, inPairs: boolean): number {
    const count = integerArg(text)
    if (count < -MAX_REPEATS * 2 + 1024) throw errors.outOfRange()
    if (inPairs && Math.abs(count) > MAX_REPEATS) throw errors.outOfRange()
    return count
  },

  /** `count` elements at random (one if undefined); all of them, in their order, if there are no more. */
  pick(elements: Iterable<string>, size: number, count: number | undefined, random: Random): string[] {
    if (count === undefined) return [nth(elements, Math.floor(random() * size))]
    if (count === 0 || size === 0) return []
    const all = [...elements]
    if (count < 0) return Array.from({ length: -count }, () => all[Math.floor(random() * size)]!)
    for (let i = 0; i < Math.min(count, size); i++) {
      const j = i + Math.floor(random() * (size - i))
      const chosen = all[j]!
      all[j] = all[i]!
      all[i] = chosen
    }
    return all.slice(0, count)
  },
}

function nth(elements: Iterable<string>, index: number): string {
  let left = index
  for (const element of elements) if (left-- === 0) return element
  throw new RangeError('collection is smaller than it says')
}
