import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createIdFactory, type Id } from '#core/ids.ts'
import { keys, TTL } from '#core/keys.ts'
import { type Command, type RedisPort, strings } from '#core/redis.ts'
import { startRedis, type TestRedis } from '../../test/contract/engines.ts'
import { SMALL_POLICY } from '../../test/interleavings/cast.ts'
import { createLanes, LANE_LIMITS } from './lanes.ts'
import { type Load, loadOf } from './load.ts'
import { pushToPage, removeFromPage } from './push.ts'
import { NEARLY_FULL, redisMemory } from './redis-memory.ts'

const ids = createIdFactory(Date.now, Math.random)
const newId = () => ids.next(3)
const [hot, ordinary, away] = [newId(), newId(), newId()]

let server: TestRedis
let pipelines: Command[][]

beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.close())
beforeEach(async () => {
  const warm = [hot, ordinary].flatMap((user): Command[] => [
    ['ZADD', keys.timeline(user), 0, '~'],
    ['EXPIRE', keys.timeline(user), TTL.timeline],
  ])
  await server.redis.pipeline([['FLUSHALL'], ...warm])
  pipelines = []
})

const redis: RedisPort = {
  pipeline(commands) {
    pipelines.push([...commands])
    return server.redis.pipeline(commands)
  },
}
const push = (post: Id, load: Load, size: 'small' | 'page' = 'page', lanes = createLanes(Date.now), port = redis) => {
  const store = { hotReaders: async (readers: readonly Id[]) => new Set(readers.filter((id) => id === hot)) }
  const needs = { redis: port, store, policy: SMALL_POLICY, random: () => 1, lanes, load: () => load }
  return pushToPage(needs, [hot, away, ordinary], post, size)
}
const timeline = async (user: Id) => strings((await server.redis.pipeline([['ZRANGE', keys.timeline(user), 0, -1]]))[0])
/** By the pipelines of a page, after the one that asks who is there: whose timelines each writes. */
const writes = () => pipelines.slice(1).map((commands) => commands.map(([name, key]) => [name, key]))

test('a page is two pipelines while fan-out keeps up, whoever its readers are', async () => {
  const post = newId()
  expect(await push(post, 'calm')).toEqual({ pushed: 2, inactive: 1, shed: 0 })
  expect(pipelines.map((commands) => commands.length)).toEqual([3, 2])
  for (const reader of [hot, ordinary]) expect(await timeline(reader)).toEqual(['~', post])
})

test('readers who follow very many come last while fan-out is behind', async () => {
  const post = newId()
  expect(await push(post, 'busy')).toEqual({ pushed: 2, inactive: 1, shed: 0 })
  expect(writes()).toEqual([[['ZADD', keys.timeline(ordinary)]], [['ZADD', keys.timeline(hot)]]])
  for (const reader of [hot, ordinary]) expect(await timeline(reader)).toEqual(['~', post])
})

test('and pull for themselves while it is overloaded', async () => {
  const post = newId()
  expect(await push(post, 'overloaded')).toEqual({ pushed: 1, inactive: 1, shed: 1 })
  expect(await timeline(ordinary)).toEqual(['~', post])
  expect(await timeline(hot)).toEqual([])
  expect(await server.redis.pipeline([['GET', keys.graph(hot)]])).toEqual(['1'])
})

test('a small author waits for nobody: not for pages, and not for turns of readers who follow very many', async () => {
  const lanes = createLanes(Date.now)
  for (let i = 0; i < 2 * LANE_LIMITS.turns; i++) void lanes.run('page', () => new Promise(() => {}))
  const post = newId()
  expect(await push(post, 'busy', 'small', lanes)).toEqual({ pushed: 2, inactive: 1, shed: 0 })
  for (const reader of [hot, ordinary]) expect(await timeline(reader)).toEqual(['~', post])
})

test('and no number of small authors keeps a page or a purge from its turn', async () => {
  const lanes = createLanes(Date.now)
  lanes.squeeze(true)
  const silent: RedisPort = { pipeline: () => new Promise(() => {}) }
  for (let i = 0; i < 2 * LANE_LIMITS.turns; i++) void push(newId(), 'overloaded', 'small', lanes, silent)
  const post = newId()
  expect(await push(post, 'calm', 'page', lanes)).toMatchObject({ pushed: 2 })
  await removeFromPage({ redis, lanes }, [hot, ordinary], post)
  expect(await timeline(hot)).toEqual(['~'])
})

test('what waits in the log makes it busy, then overloaded; a Redis that is nearly full overloaded at once', () => {
  expect([0, 200, 201, 2_000, 2_001].map((waiting) => loadOf(waiting, 0))).toEqual([
    'calm',
    'calm',
    'busy',
    'busy',
    'overloaded',
  ])
  expect(loadOf(0, NEARLY_FULL)).toBe('overloaded')
})

test('the fullest master counts; one without a limit is never full, one that is away says nothing', async () => {
  expect(await redisMemory(server.redis)).toEqual({ share: 0, evicting: [] })
  const master = (info: string) => ({ name: 'a', slot: null, pipeline: async () => [info] })
  const gone = { name: 'b', slot: null, pipeline: () => Promise.reject(new Error('gone')) }
  const masters = [master('used_memory:40\r\nmaxmemory:100\r\n'), master('used_memory:95\r\nmaxmemory:100\r\n'), gone]
  expect(await redisMemory({ masters: () => masters })).toEqual({ share: 0.95, evicting: [] })
})

test('a master that evicts is always full and refuses nothing: it slows down nobody, and is named', async () => {
  const info = 'used_memory:99\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\n'
  const masters = [{ name: 'a', slot: null, pipeline: async () => [info] }]
  expect(await redisMemory({ masters: () => masters })).toEqual({ share: 0, evicting: ['a'] })
})
