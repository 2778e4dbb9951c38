/** What only a cluster does: slots that move, and masters that die. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keys } from '#core/keys.ts'
import { type Command, RedisAwayError, type Reply } from '#core/redis.ts'
import { commandSlot, keySlot, keysOf } from '#core/redis-slots.ts'
import { randomCommand } from '../../origin/embedded/redis/testing/random-commands.ts'
import { findRedisServer } from '../../origin/embedded/redis-server.ts'
import { isAway } from '../../origin/outages.ts'
import { createRedisPort, type OriginRedis } from '../../origin/redis/index.ts'
import { lossGuard } from '../../origin/redis/loss.ts'
import { type RunningCluster, startRedisCluster } from '../../origin/redis/test-cluster.ts'
import { eventually } from './engines.ts'
import { type Carrier, carriers } from './redis-carriers.ts'

const command = findRedisServer(process.env.PATH ?? '')

/** The reason stands in the titles: they are what is told of a test that is skipped. */
const needs = command === null ? ' (no redis-server or valkey-server is on the PATH)' : ''

describe.skipIf(command === null)(`a redis cluster${needs}`, () => {
  let cluster: RunningCluster
  let redis: OriginRedis
  beforeAll(async () => {
    cluster = await startRedisCluster(command!)
    redis = createRedisPort(cluster.url)
    await redis.ready()
  })
  afterAll(async () => {
    await redis?.close()
    await cluster?.close()
  })

  it('has every key in the slot that core says', async () => {
    const { client } = cluster.nodes[0]!
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme' }), fc.string(), async (a, b) => {
        for (const key of [a, b, `${a}{${b}}`, `{${a}${b}`])
          expect(await client.call('CLUSTER', 'KEYSLOT', key)).toBe(keySlot(key))
      }),
    )
  })

  it('finds the keys in a command that core finds', async () => {
    const { client } = cluster.nodes[0]!
    await fc.assert(
      fc.asyncProperty(randomCommand, async (given) => {
        const found = await client.call('COMMAND', 'GETKEYS', ...given).catch(() => null)
        // Refused, or too short for the keys that it counts: the server says so when it gets it.
        if (Array.isArray(found) && found.length > 0 && !/^(SORT|MIGRATE)$/i.test(given[0]!))
          expect(keysOf(given)).toEqual(found)
      }),
      { numRuns: 1_000 },
    )
  })

  it('refuses what no node can answer for all', async () => {
    await expect(redis.pipeline([['DBSIZE']])).rejects.toThrow(/masters\(\)/)
  })

  describe.each(carriers)('by $by', ({ open, by }) => {
    let carrier: Carrier
    const one = async (given: Command): Promise<Reply | undefined> => (await carrier.pipeline([given]))[0]
    beforeAll(async () => {
      carrier = await open(cluster.url)
    })
    afterAll(() => carrier?.close())

    it('follows a slot that has moved, once for each command', async () => {
      const [key, other] = [`moved by ${by}`, 'elsewhere']
      await carrier.pipeline([
        ['SET', key, 1],
        ['SET', other, 1],
      ])
      const move = await cluster.beginMove(key)
      await move.moveKeys()
      await move.finish()
      expect(
        await carrier.pipeline([
          ['INCR', key],
          ['INCR', other],
          ['INCR', key],
          ['GET', key],
        ]),
      ).toEqual([2, 2, 3, '3'])
      expect(await one(['INCR', key])).toBe(4)
    })

    it('asks the new owner while a slot moves', async () => {
      const tag = `{asked by ${by}}`
      const [moved, staying, born] = [`a${tag}`, `b${tag}`, `c${tag}`]
      await carrier.pipeline([
        ['SET', moved, 'moved'],
        ['SET', staying, 'staying'],
      ])
      const move = await cluster.beginMove(tag)
      await move.moveKeys([moved])
      const read: Command[] = [moved, staying, born].map((key) => ['GET', key])
      expect(await carrier.pipeline(read)).toEqual(['moved', 'staying', null])
      await carrier.pipeline([
        ['SET', born, 'born'],
        ['APPEND', moved, '!'],
        ['APPEND', staying, '!'],
      ])
      const [, , both] = await Promise.all([
        expect(one(['MGET', moved, staying])).resolves.toEqual(['moved!', 'staying!']),
        // The two keys of that one are on two nodes until then.
        new Promise((resolve) => setTimeout(resolve, 30)).then(() => move.moveKeys()),
        carrier.pipeline(read),
      ])
      expect(both).toEqual(['moved!', 'staying!', 'born'])
      await move.finish()
      expect(await carrier.pipeline(read)).toEqual(['moved!', 'staying!', 'born'])
    })

    it('counts exactly while slots move under load', async () => {
      const counters = Array.from({ length: 20 }, (_, n) => `count ${n} by ${by}`)
      let isMoving = true
      const moving = (async () => {
        for (const key of counters.slice(0, 5)) {
          const move = await cluster.beginMove(key)
          await move.moveKeys()
          await move.finish()
        }
        isMoving = false
      })()
      let rounds = 0
      while (isMoving || rounds < 10) {
        await carrier.pipeline(counters.map((key): Command => ['INCR', key]))
        rounds++
      }
      await moving
      expect(await carrier.pipeline(counters.map((key): Command => ['GET', key]))).toEqual(
        counters.map(() => String(rounds)),
      )
    })
  })
})

describe.skipIf(command === null)(`a master that dies${needs}`, () => {
  let cluster: RunningCluster
  let redis: OriginRedis
  beforeAll(async () => {
    cluster = await startRedisCluster(command!)
    redis = createRedisPort(cluster.url)
    await redis.ready()
  })
  afterAll(async () => {
    await redis?.close()
    await cluster?.close()
  })

  it('is known to be away, does not take the others with it, and is replaced by its replica', async () => {
    const open = [redis, await carriers[1]!.open(cluster.url)]
    const restored: number[] = []
    const look = lossGuard({
      redis,
      clock: () => 50_000,
      marginMs: 100,
      restore: async ({ sinceMs }) => void restored.push(sinceMs),
    })
    await look()
    const people = Array.from({ length: 30 }, (_, n) => keys.timeline(String(n)))
    await redis.pipeline(people.map((key): Command => ['ZADD', key, 0, '~']))
    const victim = await cluster.ownerOf(keySlot(people[0]!))
    const lost = keySlot(people[0]!)
    const elsewhere = people.find(
      (key) =>
        (commandSlot(['GET', key]) as number) > lost + 8_000 || (commandSlot(['GET', key]) as number) < lost - 8_000,
    )!
    await victim.client.call('WAIT', '1', '5000')
    await victim.kill()

    for (const port of open) {
      const failure = await port.pipeline([['ZCARD', people[0]!]]).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(RedisAwayError)
      expect(isAway(failure)).toBe(true)
      expect(await port.pipeline([['ZCARD', elsewhere]])).toEqual([1])
    }
    await expect(look()).rejects.toThrow(RedisAwayError)

    let slowestMs = 0
    for (const port of open) {
      await eventually(async () => {
        const began = performance.now()
        const sizes = await port.pipeline(people.map((key): Command => ['ZCARD', key])).catch(() => [])
        slowestMs = Math.max(slowestMs, performance.now() - began)
        return sizes.length > 0 && sizes.every((size) => size === 1)
      })
    }
    // A feed that is refused at once has time left to ask Postgres: nobody waits for the election.
    expect(slowestMs).toBeLessThan(1_000)
    await eventually(() =>
      look().then(
        () => true,
        () => false,
      ),
    )
    expect(restored).toEqual([49_900])
    await look()
    expect(restored).toEqual([49_900])
    await (open[1] as Carrier).close()
  })
})
