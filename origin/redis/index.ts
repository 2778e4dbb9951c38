import { parseRedisUrl } from './address.ts'
import { clusterPort } from './cluster.ts'
import type { OriginRedis } from './port.ts'
import type { RedisPortOptions } from './sending.ts'
import { serverPort } from './server.ts'

export { parseRedisUrl } from './address.ts'
export type { OriginRedis, RedisMaster } from './port.ts'
export { type RedisPortOptions, RedisReplyError, withinTime } from './sending.ts'

/**
 * The origin's client of core's RedisPort: a connection a server, kept open by ioredis.
 *
 * Nothing is queued while a server is away, and nothing that may have been executed is sent twice: a command whose connection
 * breaks is rejected with RedisAwayError, and whether it was executed is unknown. Repeating is the caller's to decide.
 *
 * @param url as parseRedisUrl has it: one server or a cluster
 */
export function createRedisPort(url: string, options: RedisPortOptions = {}): OriginRedis {
  const address = parseRedisUrl(url)
  return address.kind === 'server' ? serverPort(address.url, options) : clusterPort(address, options)
}
