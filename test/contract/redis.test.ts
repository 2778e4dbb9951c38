/** Timelines and all else that core keeps in Redis: the same on the embedded engine, on redis-server, and on a cluster. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { firstIdAt, type Id, idMs } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { type Command, RedisCommandError, type RedisPort } from '#core/redis.ts'
import {
  closeRebuild,
  hide,
  openRebuild,
  parseHidden,
  parseTimeline,
  pushPost,
  readHidden,
  readTimeline,
  rebuildTicket,
  replaceHidden,
  timelinesExist,
  trimTimeline,
} from '#core/timeline/index.ts'
import { forgetDerived } from '../../origin/redis/forget-derived.ts'
import { createRedisPort, type OriginRedis } from '../../origin/redis/index.ts'
import { type Loss, lossGuard } from '../../origin/redis/loss.ts'
import { redisDeployments } from '../../origin/redis/test-deployments.ts'
import { type Carrier, carriers } from './redis-carriers.ts'

const at = (ms: number): Id => firstIdAt(1_764_000_000_000 + ms)
const people = Array.from({ length: 50 }, (_, n): Id => String(1_000 + n))

describe.each(redisDeployments())('$name', (deployment) => {
  let server: Awaited<ReturnType<typeof deployment.start>>
  let origin: OriginRedis
  beforeAll(async () => {
    server = await deployment.start()
    origin = createRedisPort(server.url)
    await origin.ready()
  })
  beforeEach(async () => {
    await Promise.all(origin.masters().map((master) => master.pipeline([['FLUSHALL']])))
  })
  afterAll(async () => {
    await origin?.close()
    await server?.close()
  })

  describe.each(carriers)('by $by', ({ open }) => {
    let redis: Carrier
    const one = async (command: Command) => (await redis.pipeline([command]))[0]
    beforeAll(async () => {
      redis = await open(server.url)
    })
    afterAll(() => redis?.close())

    it('answers in the order asked, wherever the keys lie', async () => {
      const texts = ['a', 'naïve', '🌊 wave', '{tag}b', 'line\r\nbreak', '', 'x'.repeat(2_000)]
      await redis.pipeline(texts.map((text): Command => ['SET', `key ${text}`, `value ${text}`]))
      const replies = await redis.pipeline([
        ...texts.map((text): Command => ['GET', `key ${text}`]),
        ['GET', 'none'],
        ['ZADD', 'z', 1_790_000_000_123, 'p1', 2.5, 'p2'],
        ['ZRANGE', 'z', 0, -1, 'WITHSCORES'],
        ['HSET', 'h', 'ä', 1],
        ['HGETALL', 'h'],
        ['PING'],
      ])
      const values = texts.map((text) => `value ${text}`)
      expect(replies).toEqual([...values, null, 2, ['p2', '2.5', 'p1', '1790000000123'], 1, ['ä', '1'], 'PONG'])
    })

    it('carries 500 commands a pipeline, several at a time, and values of a megabyte', async () => {
      const big = 'ünï'.repeat(200_000)
      const numbered = (n: number) => Array.from({ length: 500 }, (_, i): Command => ['INCRBY', `n:${i}`, n])
      const [sums] = await Promise.all([
        Promise.all([1, 2, 3, 4].map((n) => redis.pipeline(numbered(n)))),
        redis.pipeline(['b1', 'b2', 'b3'].map((key): Command => ['SET', key, big])),
      ])
      expect(sums.map((replies) => replies.length)).toEqual([500, 500, 500, 500])
      expect(await redis.pipeline(numbered(0))).toEqual(Array(500).fill(10))
      expect(await redis.pipeline(['b3', 'b1'].map((key): Command => ['GET', key]))).toEqual([big, big])
    })

    it('names the first command that was refused, after all were executed', async () => {
      const refused = redis.pipeline([
        ['SET', 'k', 'text'],
        ['INCR', 'k'],
        ['SET', 'after', '1'],
        ['LPUSH', 'k', 'x'],
      ])
      await expect(refused).rejects.toMatchObject({ command: 'INCR', message: expect.stringMatching(/not an integer/) })
      expect(await one(['GET', 'after'])).toBe('1')
    })

    it('keeps a rebuilt timeline whole while posts are pushed', async () => {
      const [user, other] = [people[0]!, people[1]!]
      const opened = await redis.pipeline(openRebuild(user, 'token'))
      const ticket = rebuildTicket(user, 'token', opened)
      await redis.pipeline(pushPost([user], at(5)))
      const entries = [at(3), at(2)].map((id) => ({ id, ms: idMs(id) }))
      expect(await one(closeRebuild(ticket, { entries, complete: true }))).toBe(1)
      expect(await one(closeRebuild({ ...ticket, version: '9' }, { entries, complete: true }))).toBe(0)
      expect(await redis.pipeline(timelinesExist([other, user]))).toEqual([0, 1])
      expect(await timelineOf(redis, user)).toMatchObject({
        floor: 0,
        ids: [at(5), at(3), at(2)],
      })
      await one(trimTimeline(user, { timelineLength: 2 }))
      expect(await timelineOf(redis, user)).toMatchObject({
        floor: idMs(at(3)),
        ids: [at(5), at(3)],
      })
    })

    it('pushes to readers on every node', async () => {
      await redis.pipeline(people.map((user): Command => ['ZADD', keys.timeline(user), 0, '~']))
      await redis.pipeline(pushPost(people, at(1)))
      const floors = await Promise.all(people.map((user) => timelineOf(redis, user)))
      expect(floors.every(({ ids }) => ids[0] === at(1))).toBe(true)
    })

    it('hides where the set is known, under the version of the graph', async () => {
      const user = people[2]!
      await redis.pipeline(hide(user, 'b', '7'))
      expect(parseHidden(await one(readHidden(user)))).toBe(null)
      expect(await one(replaceHidden(user, '0', []))).toBe(0)
      expect(await one(replaceHidden(user, '1', [{ reason: 'm', author: '8' }]))).toBe(1)
      await redis.pipeline(hide(user, 'b', '7'))
      expect(parseHidden(await one(readHidden(user)))?.everywhere).toEqual(new Set(['7', '8']))
    })
  })

  it("refuses keys in several slots before anything is sent, by the origin's port on one server as on a cluster", async () => {
    const refused = origin.pipeline([
      ['SET', 'k', 'v'],
      ['DEL', 'timeline:{1}', 'timeline:{2}'],
    ])
    await expect(refused).rejects.toThrow(RedisCommandError)
    await expect(refused).rejects.toMatchObject({ command: 'DEL', message: expect.stringMatching(/several slots/) })
    expect(await origin.pipeline([['EXISTS', 'k']])).toEqual([0])
    expect(await origin.pipeline([['EXISTS', 'timeline:{1}', 'graph:{1}']])).toEqual([0])
  })

  it('forgets what is derived, on every node', async () => {
    const kept = people.map((user) => keys.seen(user))
    const derived = people.flatMap((user) => [keys.timeline(user), keys.post(user), keys.likeShard(user, 0)])
    await origin.pipeline([...kept, ...derived].map((key): Command => ['SET', key, 1]))
    expect(await forgetDerived(origin)).toBe(derived.length)
    const sizes = await Promise.all(origin.masters().map((master) => master.pipeline([['DBSIZE']])))
    expect(sizes.flat().reduce((sum, size) => Number(sum) + Number(size), 0)).toBe(kept.length)
  })

  it('looks for losses on every node', async () => {
    const restored: Loss[] = []
    const look = lossGuard({
      redis: origin,
      clock: () => 9_000,
      marginMs: 100,
      restore: async (loss) => void restored.push(loss),
    })
    await look()
    await look()
    expect(restored).toEqual([])
    const masters = origin.masters()
    expect(masters).toHaveLength(deployment.isCluster ? 3 : 1)
    for (const [n, master] of masters.entries()) {
      await master.pipeline([['SET', keys.heartbeat(master.slot), `${5_000 + n}:anotherrun`]])
    }
    await look()
    await look()
    expect(restored).toEqual([{ sinceMs: 4_900, isEmpty: false }])
    await masters.at(-1)!.pipeline([['FLUSHALL']])
    await look()
    await look()
    expect(restored).toEqual([
      { sinceMs: 4_900, isEmpty: false },
      { sinceMs: 8_900, isEmpty: true },
    ])
  })
})

async function timelineOf(redis: RedisPort, user: Id) {
  return parseTimeline(await redis.pipeline(readTimeline(user, 10)), 10)
}
