/** What one step tells. */
import type { RecordableHistogram } from 'node:perf_hooks'
import type { Kind } from './workload.ts'

export interface Percentiles {
  count: number
  p50Ms: number
  p90Ms: number
  p99Ms: number
  p999Ms: number
  maxMs: number
}

export interface StepResult {
  seconds: number
  /** Pages and new posts that were to come. */
  pages: number
  /** Those that were answered well before the step was over. */
  pagesServed: number
  /** Pictures that the pages made people ask for. */
  images: number
  imagesServed: number
  imageCacheHits: number
  imageCacheMisses: number
  errors: number
  /** Feeds that were served marked as degraded; they do not count as served. */
  degraded: number
  /** What went wrong, and how often. */
  faults: Record<string, number>
  /** From the intended start to the answer's last byte, by kind. */
  latency: Record<Kind | 'image' | 'all', Percentiles>
  /** How much later than intended requests left the generator. */
  lag: Percentiles
  cpuMs: number
}

/** From main to the generator. */
export interface StepOrder {
  number: number
  perSecond: number
  seconds: number
  url: string
  imageUrl: string
}

/** Reads a histogram of microseconds. */
export function percentiles(histogram: RecordableHistogram): Percentiles {
  const ms = (us: number) => Number((us / 1_000).toFixed(2))
  if (histogram.count === 0) return { count: 0, p50Ms: 0, p90Ms: 0, p99Ms: 0, p999Ms: 0, maxMs: 0 }
  return {
    count: histogram.count,
    p50Ms: ms(histogram.percentile(50)),
    p90Ms: ms(histogram.percentile(90)),
    p99Ms: ms(histogram.percentile(99)),
    p999Ms: ms(histogram.percentile(99.9)),
    maxMs: ms(histogram.max),
  }
}
