/** Metrics of the edge, as its isolates hand them over. */
import type { EdgeObservations } from '#core/edge-observations.ts'
import type { Metrics } from './metrics.ts'

/** Adds up what isolates have seen. */
export function edgeMetrics(metrics: Metrics): (seen: EdgeObservations) => void {
  const seconds = metrics.histogram('edge_request_seconds', 'Time to answer a request at the edge', ['route', 'status'])
  const reads = metrics.counter('edge_reads_total', 'Posts and timelines that feeds read, by where they were found', [
    'layer',
    'outcome',
  ])
  const degraded = metrics.counter('edge_degraded_pages_total', 'Feed pages made while something was away', ['by'])
  return (seen) => {
    for (const { route, status, ms } of seen.answers) {
      for (const [took, times] of ms) {
        for (let i = 0; i < times; i++) seconds.observe({ route, status }, took / 1_000)
      }
    }
    for (const { layer, hits, misses } of seen.reads) {
      reads.inc({ layer, outcome: 'hit' }, hits)
      reads.inc({ layer, outcome: 'miss' }, misses)
    }
    for (const { by, pages } of seen.degraded) degraded.inc({ by }, pages)
  }
}
