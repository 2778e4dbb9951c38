/** The two ways by which core's commands reach Redis: the origin's port, and the edge's through the Upstash gateway. */
import { createBreaker } from '#core/breaker.ts'
import type { RedisPort } from '#core/redis.ts'
import { startUpstashGateway } from '../../origin/gateway/upstash/server.ts'
import { createRedisPort } from '../../origin/redis/index.ts'
import { upstashRedis } from '../../workers/api/data/redis.ts'
import { eventually } from './engines.ts'

export interface Carrier extends RedisPort {
  close(): Promise<void>
}

export const carriers: { by: string; open(url: string): Promise<Carrier> }[] = [
  {
    by: "the origin's port",
    async open(url) {
      const redis = createRedisPort(url)
      await redis.ready()
      return redis
    },
  },
  { by: 'the gateway', open: openGateway },
]

const TOKEN = 'a token for tests'

async function openGateway(url: string): Promise<Carrier> {
  const gateway = await startUpstashGateway({ redis: { url }, tokens: { readWrite: [TOKEN], readOnly: [] } })
  await eventually(async () => (await fetch(`${gateway.url}/health`)).status === 200)
  // A breaker that never opens: what Redis says is what is asked about here.
  const breaker = createBreaker({ failures: Number.POSITIVE_INFINITY, openMs: 0 }, Date.now)
  const punctual = { clock: Date.now, lagMs: () => 0 }
  const port = upstashRedis({ url: gateway.url, token: TOKEN, timeoutMs: 5_000 }, breaker, punctual)
  return { pipeline: (commands) => port.pipeline(commands), close: () => gateway.close() }
}
