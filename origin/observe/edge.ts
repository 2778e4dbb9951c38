/** Metrics of the edge, as its isolates hand them over. */
import { DEGRADED_BY, EDGE_DEPENDENCIES, type EdgeObservations, SHED_OUTCOMES } from '#core/edge-observations.ts'
import { LOAD_CLASSES } from '#core/load.ts'
import type { Metrics } from './metrics.ts'

/** Adds up what isolates have seen. */
export function edgeMetrics(metrics: Metrics): (seen: EdgeObservations) => void {
  const seconds = metrics.histogram('edge_request_seconds', 'Time to answer a request at the edge', ['route', 'status'])
  const reads = metrics.counter('edge_reads_total', 'What the edge looked for in each layer of caches, by outcome', [
    'layer',
    'outcome',
  ])
  const degraded = metrics.counter('edge_degraded_pages_total', 'Feed pages made while something was away', ['by'])
  const pictures = metrics.histogram('edge_picture_seconds', 'Time to make a picture that no cache has', ['stage'])
  const shed = metrics.counter('edge_shed_total', 'Requests that an isolate had no room for', ['class', 'outcome'])
  const opened = metrics.counter(
    'edge_breaker_opened_total',
    'Times that an isolate began to leave a dependency alone',
    ['dependency'],
  )
  // From the start: of a series that begins with its first event, Prometheus sees no increase.
  for (const by of DEGRADED_BY) degraded.inc({ by }, 0)
  for (const dependency of EDGE_DEPENDENCIES) opened.inc({ dependency }, 0)
  for (const kind of LOAD_CLASSES) for (const outcome of SHED_OUTCOMES) shed.inc({ class: kind, outcome }, 0)
  return (seen) => {
    for (const { route, status, ms } of seen.answers) eachTime(ms, (took) => seconds.observe({ route, status }, took))
    for (const { stage, ms } of seen.pictures) eachTime(ms, (took) => pictures.observe({ stage }, took))
    for (const { layer, hits, misses } of seen.reads) {
      reads.inc({ layer, outcome: 'hit' }, hits)
      reads.inc({ layer, outcome: 'miss' }, misses)
    }
    for (const { by, pages } of seen.degraded) degraded.inc({ by }, pages)
    for (const { kind, outcome, requests } of seen.shed) shed.inc({ class: kind, outcome }, requests)
    for (const { dependency, times } of seen.opened) opened.inc({ dependency }, times)
  }
}

function eachTime(ms: readonly (readonly [took: number, times: number])[], observe: (seconds: number) => void): void {
  for (const [took, times] of ms) {
    for (let i = 0; i < times; i++) observe(took / 1_000)
  }
}
