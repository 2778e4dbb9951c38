import { afterAll, expect, it } from 'vitest'
import { keys } from '#core/keys.ts'
import type { Command } from '#core/redis.ts'
import { startEmbeddedRedis } from '../embedded/redis/index.ts'
import { forgetDerived } from './forget-derived.ts'
import { createRedisPort } from './index.ts'

const server = await startEmbeddedRedis()
const redis = createRedisPort(server.url)
await redis.ready()
afterAll(async () => {
  await redis.close()
  await server.close()
})

it('forgets what was derived, and keeps promises and revocations', async () => {
  const derived = ['timeline', 'hidden', 'celebs', 'graph', 'liked', 'author', 'post', 'user', 'counts'] as const
  const kept = [
    keys.idempotency('1', 'key'),
    keys.revoked('session'),
    keys.seen('1'),
    keys.dirtyCounts(),
    keys.losses(),
  ]
  const all = [...derived.map((name) => keys[name]('1')), keys.delta(), keys.likeShard('1', 0), ...kept]
  const many = Array.from({ length: 2_500 }, (_, n) => keys.timeline(String(n + 2)))
  await redis.pipeline([...all, ...many].map((key): Command => ['SET', key, 1]))

  expect(await forgetDerived(redis)).toBe(all.length - kept.length + many.length)
  expect((await redis.pipeline(kept.map((key): Command => ['EXISTS', key]))).every((reply) => reply === 1)).toBe(true)
  expect(await redis.pipeline([['DBSIZE']])).toEqual([kept.length])
})
