/** What both gateways measure in the same way. */
import { Gauge, Histogram, type Registry } from 'prom-client'

/** Seconds from request to answer; the last bounds are deadlines of the two gateways. */
const LATENCY_BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30]

/** The histogram of a gateway's answers, `<prefix>_request_duration_seconds`. */
export function requestLatency(registry: Registry, prefix: string): Histogram<'route' | 'status'> {
  return new Histogram({
    name: `${prefix}_request_duration_seconds`,
    help: 'Time from request to answer, by route and HTTP status',
    labelNames: ['route', 'status'] as const,
    buckets: LATENCY_BUCKETS,
    registers: [registry],
  })
}

/** A level that is read when somebody asks for the metrics. */
export function gauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read())
    },
  })
}
