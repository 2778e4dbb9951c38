import { Counter, type Registry } from 'prom-client'
import { gauge, requestLatency } from '../prometheus.ts'

/** Which door a request came through. */
export type GatewayRoute = 'command' | 'pipeline' | 'multi-exec' | 'path' | 'stream' | 'health'

/** What the gateway tells whoever measures it. Calls are on the hot path: keep them cheap. */
export interface GatewayMetrics {
  /** One HTTP request was answered. `seconds` runs from the first header byte read to the answer handed to the socket. */
  answered(route: GatewayRoute, status: number, seconds: number): void
  /** Redis answered `count` commands, `failed` of them with an error. */
  commands(count: number, failed: number): void
  /** Called once: functions to read the current levels from. */
  levels(read: { inFlight: () => number; streams: () => number; connected: () => boolean }): void
}

export const noMetrics: GatewayMetrics = { answered() {}, commands() {}, levels() {} }

/**
 * The gateway's metrics in a prom-client registry, named `upstash_gateway_*`. One gateway a registry.
 */
export function promMetrics(registry: Registry): GatewayMetrics {
  const registers = [registry]
  const latency = requestLatency(registry, 'upstash_gateway')
  const commands = new Counter({
    name: 'upstash_gateway_commands_total',
    help: 'Redis commands answered, errors included',
    registers,
  })
  const failed = new Counter({
    name: 'upstash_gateway_command_errors_total',
    help: 'Redis commands answered with an error',
    registers,
  })
  // Looking a labelled child up costs more than observing; there are at most routes × statuses of them.
  const children = new Map<string, { observe(value: number): void }>()
  return {
    answered(route, status, seconds) {
      const key = route + status
      let child = children.get(key)
      if (child === undefined) {
        child = latency.labels(route, String(status))
        children.set(key, child)
      }
      child.observe(seconds)
    },
    commands(count, errors) {
      commands.inc(count)
      if (errors > 0) failed.inc(errors)
    },
    levels({ inFlight, streams, connected }) {
      gauge(registry, 'upstash_gateway_in_flight_commands', 'Commands waiting for Redis', inFlight)
      gauge(registry, 'upstash_gateway_streams', 'Open SUBSCRIBE, PSUBSCRIBE and MONITOR streams', streams)
      gauge(registry, 'upstash_gateway_redis_up', '1 while Redis is connected', () => (connected() ? 1 : 0))
    },
  }
}
