/** The search for the highest rate that is still served: doubling until one is not, then halving the distance. */

/** A step serves so much of what it is offered, or it does not count. */
export const SERVED = 0.99
/** How close the rate that is served and the one that is not must come. */
const CLOSE = 1.12

export interface Search<T> {
  /** The best step; null when not even the first was served. */
  best: { rate: number; step: T } | null
  steps: { rate: number; step: T }[]
}

/**
 * @param from first rate
 * @param most steps at the most
 * @param isServed whether a step counts
 */
export async function findSaturation<T>(
  from: number,
  most: number,
  run: (rate: number) => Promise<T>,
  isServed: (step: T) => boolean,
): Promise<Search<T>> {
  const steps: Search<T>['steps'] = []
  let best: Search<T>['best'] = null
  let tooHigh = Number.POSITIVE_INFINITY
  let rate = from
  while (steps.length < most && (best === null || tooHigh / best.rate > CLOSE)) {
    const step = await run(rate)
    steps.push({ rate, step })
    if (isServed(step)) best = { rate, step }
    else tooHigh = rate
    rate = Math.round(nextRate(best?.rate ?? 0, tooHigh, rate))
    if (rate < 1) break
  }
  return { best, steps }
}

function nextRate(served: number, tooHigh: number, last: number): number {
  if (tooHigh === Number.POSITIVE_INFINITY) return last * 2
  return served === 0 ? last / 2 : (served + tooHigh) / 2
}
