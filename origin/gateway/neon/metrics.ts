import { Counter, type Registry } from 'prom-client'
import { gauge, requestLatency } from '../prometheus.ts'

/** Which door a request came through. */
export type GatewayRoute = 'query' | 'batch' | 'health' | 'preflight' | 'refused'

/** What the gateway tells whoever measures it. Calls are on the hot path: keep them cheap. */
export interface GatewayMetrics {
  /** One HTTP request was answered. `seconds` runs from its headers to the answer handed to the socket. */
  answered(route: GatewayRoute, status: number, seconds: number): void
  /** A WebSocket was opened to the target, or why not: an SQLSTATE. */
  tunnel(outcome: string): void
  /** Called once: functions to read the current levels from. */
  levels(read: { connections: () => number; queued: () => number; tunnels: () => number }): void
}

export const noMetrics: GatewayMetrics = { answered() {}, tunnel() {}, levels() {} }

/** The gateway's metrics in a prom-client registry, named `neon_gateway_*`. One gateway a registry. */
export function promMetrics(registry: Registry): GatewayMetrics {
  const registers = [registry]
  const latency = requestLatency(registry, 'neon_gateway')
  const tunnels = new Counter({
    name: 'neon_gateway_websockets_total',
    help: 'WebSocket connections, by outcome: open, or the SQLSTATE they were refused with',
    labelNames: ['outcome'] as const,
    registers,
  })
  return {
    answered: (route, status, seconds) => latency.observe({ route, status: String(status) }, seconds),
    tunnel: (outcome) => tunnels.inc({ outcome }),
    levels(read) {
      gauge(registry, 'neon_gateway_connections', 'Connections to Postgres held for HTTP requests', read.connections)
      gauge(registry, 'neon_gateway_queued_requests', 'HTTP requests waiting for a connection', read.queued)
      gauge(registry, 'neon_gateway_websockets', 'Open WebSocket connections', read.tunnels)
    },
  }
}
