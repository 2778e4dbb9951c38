/** What a run of the mixed bench comes to. */
import { type Figures, unlessVoid } from '../bench.ts'
import type { HitRates } from './hits.ts'
import { isServed, type StepResult } from './step.ts'

export interface Step extends StepResult {
  /** CPU milliseconds by process. */
  cpu: Record<string, number>
}

export interface Measured {
  helloRps: number
  best: Step
  bestRate: number
  /** At half of the best rate. */
  half: Step
  rates: HitRates
  steps: Step[]
}

const round = (value: number, digits = 1) => Number(value.toFixed(digits))
const requests = (step: StepResult) => step.pages + step.images
const served = (step: StepResult) => round((step.pagesServed + step.imagesServed) / requests(step), 4)
const perSecond = (step: StepResult) => round(requests(step) / step.seconds)

/**
 * The figures of a run. Those of the half rate are null where that step was not served or was not sent when it should have
 * been: latencies of a system that lags behind, or of a rate that nobody offered, say nothing.
 */
export function figures({ helloRps, best, bestRate, half, rates, steps }: Measured): Figures {
  const { latency } = half
  const cpuMsPerRequest = Object.entries(half.cpu).map(([name, ms]) => [name, round(ms / requests(half), 3)] as const)
  return {
    saturationRps: perSecond(best),
    saturationPagesPerSecond: bestRate,
    helloRps: round(helloRps),
    ratioToHello: round(perSecond(best) / helloRps, 4),
    pagesRatioToHello: round(bestRate / helloRps, 4),
    rateRps: perSecond(half),
    ...unlessVoid(isServed(half) ? null : `of the half rate ${served(half)} was served, ${half.lag.p99Ms} ms late`, {
      p50Ms: latency.all.p50Ms,
      p99Ms: latency.all.p99Ms,
      homeP99Ms: latency.home.p99Ms,
      userP99Ms: latency.user.p99Ms,
      imageP99Ms: latency.image.p99Ms,
      composeP99Ms: latency.compose.p99Ms,
      timelineHitRate: rates.timeline,
      postHitRate: rates.post,
      isolateHitRate: rates.isolate,
      imageHitRate: rates.picture,
      latency,
      cpuMsPerRequest: Object.fromEntries(cpuMsPerRequest),
    }),
    halfRateServed: served(half),
    errors: half.errors,
    degraded: half.degraded,
    faults: half.faults,
    generatorLag: half.lag,
    steps: steps.map((step) => ({
      rps: perSecond(step),
      pagesPerSecond: round(step.pages / step.seconds),
      served: served(step),
      p99Ms: step.latency.all.p99Ms,
      lagP99Ms: step.lag.p99Ms,
      errors: step.errors,
      degraded: step.degraded,
    })),
  }
}
