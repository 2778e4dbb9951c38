/** Prometheus metrics. Every name starts with `tideline_` and ends with its unit, as Prometheus asks. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export interface Metrics {
  readonly registry: Registry
  /** A counter `tideline_<name>`; asked for again, the same one. */
  counter<L extends string>(name: string, help: string, labels?: readonly L[]): Counter<L>
  gauge<L extends string>(name: string, help: string, labels?: readonly L[]): Gauge<L>
  histogram<L extends string>(name: string, help: string, labels?: readonly L[], buckets?: number[]): Histogram<L>
  /** The exposition text and its content type. */
  expose(): Promise<{ body: string; contentType: string }>
}

/** Seconds: from a Redis command to a slow transcode. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** One registry a process. `processMetrics` adds Node's own: event loop lag, heap, garbage collection. */
export function createMetrics({ processMetrics = false }: { processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry()
  if (processMetrics) collectDefaultMetrics({ register: registry, prefix: 'tideline_' })
  const once = <M>(name: string, make: (fullName: string) => M): M => {
    const fullName = `tideline_${name}`
    return (registry.getSingleMetric(fullName) as M | undefined) ?? make(fullName)
  }
  const common = { registers: [registry] }
  return {
    registry,
    counter: (name, help, labelNames = []) =>
      once(name, (fullName) => new Counter({ ...common, name: fullName, help, labelNames })),
    gauge: (name, help, labelNames = []) =>
      once(name, (fullName) => new Gauge({ ...common, name: fullName, help, labelNames })),
    histogram: (name, help, labelNames = [], buckets = SECONDS) =>
      once(name, (fullName) => new Histogram({ ...common, name: fullName, help, labelNames, buckets })),
    expose: async () => ({ body: await registry.metrics(), contentType: registry.contentType }),
  }
}
