/** The Redis port over one server. */
import { Redis } from 'ioredis'
import { RedisAwayError } from '#core/redis.ts'
import { openLine } from './line.ts'
import type { OriginRedis, RedisMaster } from './port.ts'
import {
  COMMAND_TIMEOUT_MS,
  callAll,
  connectionOptions,
  LINE_FROM,
  lineAddress,
  outcomesOf,
  type RedisPortOptions,
  refuseSpanning,
  repliesOf,
  tlsTo,
  withinTime,
} from './sending.ts'

/** @param url `redis://[user:password@]host[:port][/db]`, or `rediss://` for TLS */
export function serverPort(url: string, options: RedisPortOptions): OriginRedis {
  const timeoutMs = options.commandTimeoutMs ?? COMMAND_TIMEOUT_MS
  const { protocol, hostname } = new URL(url)
  // By the URL alone, `tls` would be a mere yes.
  const redis = new Redis(url.replace(/^rediss:/, 'redis:'), {
    ...connectionOptions(options),
    ...(protocol === 'rediss:' && { tls: tlsTo(hostname.replace(/^\[|\]$/g, ''), options) }),
    enableOfflineQueue: false,
    retryStrategy: (attempt) => Math.min(50 * attempt, 2_000),
  })
  redis.on('error', (error: Error) => options.onError?.(error))

  const line = openLine(lineAddress(redis, options), performance.now.bind(performance))

  const server: RedisMaster = {
    name: `${redis.options.host}:${redis.options.port}`,
    slot: null,
    async pipeline(commands) {
      if (commands.length === 0) return []
      refuseSpanning(commands)
      if (redis.status !== 'ready') throw new RedisAwayError('there is no connection to Redis just now')
      const sent =
        commands.length >= LINE_FROM && line.isReady() ? line.exchange(commands) : outcomesOf(callAll(redis, commands))
      return repliesOf(commands, await withinTime(sent, timeoutMs))
    },
  }
  return {
    ...server,
    ready: () =>
      redis.status === 'ready' ? Promise.resolve() : new Promise((resolve) => redis.once('ready', () => resolve())),
    masters: () => [server],
    async close() {
      redis.disconnect()
      await Promise.all([streamClosed(redis), line.close()])
    },
  }
}

/** Not ioredis' own `end`: it is not emitted when the client was between two attempts to reconnect. */
export async function streamClosed({ stream }: Redis): Promise<void> {
  if (stream !== undefined && !stream.closed)
    await new Promise<void>((resolve) => stream.once('close', () => resolve()))
}
