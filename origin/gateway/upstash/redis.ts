import { parseRedisUrl } from '../../redis/address.ts'
import { exchangeOf, type RedisBackend } from './backend.ts'
import { clusterBackend } from './cluster/index.ts'
import { type ConnectionParts, connectServer } from './connection.ts'

/** The server or the cluster that the settings name. */
export function openRedis(parts: ConnectionParts): RedisBackend {
  const address = parseRedisUrl(parts.settings.url)
  if (address.kind === 'cluster') return clusterBackend(parts, address)
  const server = connectServer({ ...parts, settings: { ...parts.settings, url: address.url } })
  return {
    get ready() {
      return server.ready
    },
    get answers() {
      return server.answers
    },
    get inFlight() {
      return server.inFlight
    },
    run: (request) => server.pipeline(exchangeOf(request)),
    dedicated: () => server.dedicated(),
    close: () => server.close(),
  }
}
