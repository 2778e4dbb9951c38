import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../random.ts'
import { BILLION_LOADS, type Costs, cheapest, planAt, THRESHOLDS } from './model.ts'
import { follows, HUNDRED_MILLION, population } from './population.ts'

const costs: Costs = {
  ...{ pushUs: 8, missUs: 2, loadUs: 900, mergeUs: 5, listReadUs: 150, listsHeld: 400 },
  ...{ timelineEntryBytes: 100, timelineBytes: 100, authorEntryBytes: 100, timelineLength: 800, authorLength: 200 },
}
const audiences = population(HUNDRED_MILLION, seededRandom(1))
const plan = (threshold: number) => planAt(threshold, audiences, BILLION_LOADS, costs)

describe('population', () => {
  it('has as many people as asked for, most followed first, none followed by more than there are', () => {
    expect(audiences.reduce((sum, { people }) => sum + people, 0)).toBeCloseTo(HUNDRED_MILLION.people, 0)
    expect(audiences.every(({ followers }) => followers < HUNDRED_MILLION.people)).toBe(true)
    const followers = audiences.map((audience) => audience.followers)
    expect(followers).toEqual([...followers].sort((a, b) => b - a))
  })

  it('has the median that its body says, and a tail that thins out by its exponent', () => {
    const above = (least: number) =>
      audiences.filter(({ followers }) => followers >= least).reduce((sum, { people }) => sum + people, 0)
    expect(above(HUNDRED_MILLION.median) / HUNDRED_MILLION.people).toBeCloseTo(0.5, 2)
    const decade = above(10_000) / above(100_000)
    expect(Math.log10(decade)).toBeCloseTo(HUNDRED_MILLION.alpha, 1)
  })

  it('hardly depends on the seed', () => {
    const other = follows(population(HUNDRED_MILLION, seededRandom(2)))
    expect(Math.abs(other / follows(audiences) - 1)).toBeLessThan(0.02)
  })
})

describe('planAt', () => {
  it('pulls everything at zero and pushes everything at infinity', () => {
    expect(plan(0)).toMatchObject({ writesPerDay: 0, pulledPerLoad: follows(audiences) / HUNDRED_MILLION.people })
    expect(plan(Number.POSITIVE_INFINITY)).toMatchObject({ pulledPerLoad: 0, listReadsPerDay: 0 })
  })

  it('writes more and pulls less, the higher the threshold', () => {
    const threshold = fc.integer({ min: 1, max: 100_000_000 })
    fc.assert(
      fc.property(threshold, threshold, (a, b) => {
        const [low, high] = [plan(Math.min(a, b)), plan(Math.max(a, b))]
        expect(high.writesPerDay).toBeGreaterThanOrEqual(low.writesPerDay)
        expect(high.pulledPerLoad).toBeLessThanOrEqual(low.pulledPerLoad)
        expect(high.listReadsPerDay).toBeLessThanOrEqual(high.listsMergedPerDay)
      }),
      { numRuns: 30 },
    )
  })

  it('has its cheapest plan where neither writes nor pulls are free', () => {
    const freeWrites = { ...costs, pushUs: 0, missUs: 0 }
    const freePulls = { ...costs, mergeUs: 0, listReadUs: 0 }
    const cheapestAt = (chosen: Costs) =>
      cheapest(THRESHOLDS.map((threshold) => planAt(threshold, audiences, BILLION_LOADS, chosen)))?.threshold
    expect(cheapestAt(freeWrites)).toBe(THRESHOLDS.at(-1))
    expect(cheapestAt(freePulls)).toBe(THRESHOLDS[0])
  })

  it('leaves out, with a limit, thresholds whose largest push takes longer', () => {
    const plans = THRESHOLDS.map(plan)
    const best = cheapest(plans, 1)
    expect(best?.lastTimelineSeconds).toBeLessThanOrEqual(1)
    expect(best?.threshold).toBeLessThan(1_000_000)
    expect(cheapest(plans, 0)).toBeNull()
  })
})
