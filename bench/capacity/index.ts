/**
 * `npm run bench -- capacity [--svg FILE]`: what push, pull and the hybrid cost at 100 million people, a billion loads and ten
 * million posts a day, at thresholds from 100 to 10 million, from costs measured here. A simulation: docs/benchmarks.md says
 * what it leaves out.
 */
import { writeFileSync } from 'node:fs'
import type { Bench, Figures } from '../bench.ts'
import { seededRandom } from '../random.ts'
import { measureCosts } from './costs.ts'
import { drawCurve } from './curve.ts'
import { BILLION_LOADS, cheapest, coresFor, type Plan, planAt, THRESHOLDS } from './model.ts'
import { HUNDRED_MILLION, population } from './population.ts'

const SEED = 23
/** From this on fan-out is late: the alert of docs/guides/deploy.md. */
const PUSHED_WITHIN_SECONDS = 1

export const capacityBench: Bench = async (options) => {
  const costs = await measureCosts(options)
  const audiences = population(HUNDRED_MILLION, seededRandom(SEED))
  const plan = (threshold: number) => planAt(threshold, audiences, BILLION_LOADS, costs)
  const plans = THRESHOLDS.map(plan)
  const best = cheapest(plans, PUSHED_WITHIN_SECONDS)
  if (best === null) throw new Error('at no threshold is a push fast enough')
  for (const { threshold, cores, redisBytes } of plans) {
    options.say(`${threshold.toLocaleString('en')}: ${Math.round(cores)} cores, ${gigabytes(redisBytes)} GB of Redis`)
  }
  if (options.svg !== null) writeFileSync(options.svg, drawCurve(plans, best))
  return {
    pushOnly: described(plan(Number.POSITIVE_INFINITY)),
    pullOnly: described(plan(0)),
    hybrid: plans.map(described),
    bestThreshold: best.threshold,
    cheapestThreshold: cheapest(plans)?.threshold ?? null,
    fleet: {
      cores: Math.ceil(best.cores),
      readCores: Math.ceil(coresFor(best.readCpuSeconds, BILLION_LOADS)),
      writeCores: Math.ceil(coresFor(best.writeCpuSeconds, BILLION_LOADS)),
      redisGB: gigabytes(best.redisBytes),
    },
    costs,
  }
}

const gigabytes = (bytes: number) => Math.round(bytes / 1e9)

const described = ({ threshold, ...plan }: Plan): Figures => ({
  threshold: Number.isFinite(threshold) ? threshold : null,
  writesPerSecond: Math.round(plan.writesPerDay / 86_400),
  listsMergedPerSecond: Math.round(plan.listsMergedPerDay / 86_400),
  listReadsPerSecond: Math.round(plan.listReadsPerDay / 86_400),
  pulledPerLoad: Number(plan.pulledPerLoad.toFixed(1)),
  redisGB: gigabytes(plan.redisBytes),
  cores: Number(plan.cores.toPrecision(4)),
  lastTimelineSeconds: Number(plan.lastTimelineSeconds.toPrecision(3)),
})
