import { afterEach, expect, it } from 'vitest'
import { keys } from '#core/keys.ts'
import { startEmbeddedRedis } from '../embedded/redis/index.ts'
import { createRedisPort } from './index.ts'
import { type Loss, lossGuard } from './loss.ts'

const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A guard on a server of its own, and what it restored. */
async function guarded(now: () => number, restored: Loss[], stored?: string) {
  const server = await startEmbeddedRedis()
  const redis = createRedisPort(server.url)
  closers.push(
    () => server.close(),
    () => redis.close(),
  )
  await redis.ready()
  if (stored !== undefined) await redis.pipeline([['SET', keys.heartbeat(), stored]])
  const restore = async (loss: Loss) => void restored.push(loss)
  return { redis, look: lossGuard({ redis, clock: now, marginMs: 100, restore }) }
}

it('restores nothing while the same server answers', async () => {
  const restored: Loss[] = []
  const { look } = await guarded(() => 5_000, restored)
  for (let i = 0; i < 3; i++) await look()
  expect(restored).toEqual([])
})

it('restores from the heartbeat that another run of the server has left, with a margin, and once', async () => {
  const restored: Loss[] = []
  const { look } = await guarded(() => 9_000, restored, '5000:anotherrun')
  await look()
  await look()
  expect(restored).toEqual([{ sinceMs: 4_900, isEmpty: false }])
})

it('knows a server that has forgotten everything, and since when others of its writes may be missing', async () => {
  const restored: Loss[] = []
  const { redis, look } = await guarded(() => 9_000, restored)
  await look()
  await redis.pipeline([['FLUSHALL']])
  await look()
  expect(restored).toEqual([{ sinceMs: 8_900, isEmpty: true }])
})

it('tries again when restoring failed', async () => {
  const { redis } = await guarded(() => 0, [], '5000:anotherrun')
  let tries = 0
  const restore = async () => {
    tries++
    if (tries === 1) throw new Error('the database is away')
  }
  const look = lossGuard({ redis, clock: () => 9_000, marginMs: 100, restore })
  await expect(look()).rejects.toThrow('away')
  await look()
  await look()
  expect(tries).toBe(2)
})
