/** What one step tells, and whether it counts. */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { PATIENCE_MS } from './client.ts'
import { SERVED } from './saturation.ts'
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

/** A generator that sends one request in a hundred so late has not offered what it says it has. */
const LATE_MS = 100

/** Both kinds of requests, and by a generator that was not late itself. */
export function isServed({ pages, pagesServed, images, imagesServed, lag }: StepResult): boolean {
  return pagesServed >= SERVED * pages && imagesServed >= SERVED * images && lag.p99Ms < LATE_MS
}

/** Microseconds up to a minute. */
export const HISTOGRAM = { lowest: 1, highest: 60_000_000, figures: 3 } as const
const LATENCIES = ['home', 'user', 'compose', 'image', 'all'] as const

export interface Latencies {
  /** From the intended start to the answer's last byte. */
  answered(kind: Kind | 'image', ms: number): void
  /** No answer, or not the one asked for: as long as somebody would wait at least, however quickly it failed. */
  failed(kind: Kind | 'image', ms: number): void
  percentiles(): StepResult['latency']
}

export function createLatencies(): Latencies {
  const of = Object.fromEntries(LATENCIES.map((kind) => [kind, createHistogram(HISTOGRAM)])) as Record<
    (typeof LATENCIES)[number],
    RecordableHistogram
  >
  const record = (kind: Kind | 'image', ms: number) => {
    of[kind].record(micros(ms))
    of.all.record(micros(ms))
  }
  return {
    answered: record,
    failed: (kind, ms) => record(kind, Math.max(ms, PATIENCE_MS)),
    percentiles: () =>
      Object.fromEntries(LATENCIES.map((kind) => [kind, percentiles(of[kind])])) as StepResult['latency'],
  }
}

/** For a histogram, whose values are whole and not 0. */
export const micros = (ms: number) => Math.max(1, Math.round(ms * 1_000))

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
