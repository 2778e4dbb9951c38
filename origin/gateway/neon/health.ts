import type { Databases } from './databases.ts'
import type { Tunnels } from './tunnels.ts'

/** How the gateway is doing. */
export interface GatewayHealth {
  status: 'ok' | 'unavailable'
  connections: number
  queuedRequests: number
  tunnels: number
}

/** The health endpoint asks nobody for a password: it may not become a way to keep the database busy. */
const HEALTH_TTL_MS = 1_000
/** A database that is silent for so long counts as away: whoever probes may have no more than a second. */
const ANSWER_MS = 900

/** Measures the gateway's health, at most once a second. */
export function healthCheck(databases: Databases, tunnels: Tunnels, now: () => number): () => Promise<GatewayHealth> {
  let last: { at: number; health: Promise<GatewayHealth> } | undefined

  async function measure(): Promise<GatewayHealth> {
    const { promise: late, resolve } = Promise.withResolvers<'unavailable'>()
    const timer = setTimeout(resolve, ANSWER_MS, 'unavailable')
    const pinged = databases.ping().then(
      () => 'ok' as const,
      () => 'unavailable' as const,
    )
    const status = await Promise.race([pinged, late]).finally(() => clearTimeout(timer))
    return { status, connections: databases.connections, queuedRequests: databases.queued, tunnels: tunnels.open }
  }

  return function health() {
    if (last === undefined || now() - last.at > HEALTH_TTL_MS) last = { at: now(), health: measure() }
    return last.health
  }
}
