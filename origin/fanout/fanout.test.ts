/** Graph and fan-out on Postgres and Redis, embedded. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { EventData, TidelineEvent } from '#core/events.ts'
import { compareIds, createIdFactory, type Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { type Command, type RedisPort, strings } from '#core/redis.ts'
import { followedCelebrities, hiddenAuthors } from '#drizzle/queries/feed.ts'
import { follow, unfollow } from '#drizzle/queries/graph.ts'
import { startDatabase, startRedis, type TestDatabase, type TestRedis } from '../../test/contract/engines.ts'
import { SMALL_POLICY } from '../../test/interleavings/cast.ts'
import { postgresGraph } from '../graph/postgres.ts'
import { graphService } from '../graph/service.ts'
import { crossing } from './crossing.ts'
import { createLanes } from './lanes.ts'
import { postgresFanout } from './postgres.ts'
import { fanoutService } from './service.ts'

const ids = createIdFactory(Date.now, Math.random)
const newId = () => ids.next(3)
const policy = { ...SMALL_POLICY, inlineFollowers: 2, timelineLength: 50, timelineTrimAt: 60, unfollowedForMs: 0 }

let postgres: TestDatabase
let server: TestRedis
let published: TidelineEvent[]
let writes: Command[]

beforeAll(async () => {
  ;[postgres, server] = await Promise.all([startDatabase(), startRedis()])
}, 60_000)
afterAll(async () => {
  await server.close()
  await postgres.close()
})
beforeEach(async () => {
  await server.redis.pipeline([['FLUSHALL']])
  await postgres.pool.query('truncate timeline_purges')
  published = []
  writes = []
})

const redis: RedisPort = {
  pipeline(commands) {
    writes.push(...commands)
    return server.redis.pipeline(commands)
  },
}
const services = () => {
  const common = { redis, policy, clock: Date.now, random: Math.random }
  const store = postgresFanout(postgres.database)
  const publish = async (events: readonly TidelineEvent[]) => void published.push(...events)
  const lanes = createLanes(Date.now)
  const load = () => 'calm' as const
  const fanout = fanoutService({ ...common, store, publish, lanes, load, observe: () => {} })
  const crossings = crossing({ ...common, store, flushOutbox: async () => {} })
  const graph = graphService({
    ...common,
    store: postgresGraph(postgres.database),
    onFollowers: async () => {},
    whenIdle: (work) => work(),
  })
  return { fanout, crossings, graph, store }
}
const one = async (command: Command) => (await server.redis.pipeline([command]))[0]
const timeline = async (user: Id) => strings(await one(['ZRANGE', keys.timeline(user), 0, -1]))

async function person(): Promise<Id> {
  const id = newId()
  await postgres.pool.query('insert into users (user_id, username, email) values ($1, $2, $2)', [id, `u${id}`])
  return id
}
async function post(author: Id, id = newId()): Promise<Id> {
  await postgres.pool.query("insert into posts (post_id, user_id, media_urls) values ($1, $2, '[]')", [id, author])
  return id
}
type FollowEvent = { event: { data: EventData<'follow.changed'> } }
const commit = async (make: typeof follow, reader: Id, author: Id) =>
  (await postgres.database.query<FollowEvent>(make(reader, author, null)))[0]!.event.data
async function followed(reader: Id, author: Id): Promise<void> {
  await services().graph.followChanged(await commit(follow, reader, author))
}
const warm = (user: Id, floor = 0) => one(['ZADD', keys.timeline(user), floor, '~'])
const counts = async (user: Id) =>
  (await postgres.pool.query('select follower_count, following_count from users where user_id = $1', [user])).rows[0]

test('a follow and its end count once each, however often and in whatever order they are told', async () => {
  const [reader, author] = [await person(), await person()]
  const { graph } = services()
  const began = await commit(follow, reader, author)
  await graph.followChanged(began)
  await graph.followChanged(began)
  expect([await counts(author), await counts(reader)]).toMatchObject([{ follower_count: 1 }, { following_count: 1 }])
  const ended = await commit(unfollow, reader, author)
  await graph.followChanged(ended)
  await graph.followChanged(began)
  await graph.followChanged(ended)
  expect([await counts(author), await counts(reader)]).toMatchObject([{ follower_count: 0 }, { following_count: 0 }])
})

test('a follow fills the timeline down to its floor, and nothing where there is none', async () => {
  const [reader, cold, author] = [await person(), await person(), await person()]
  const written = await post(author)
  await warm(reader)
  await followed(reader, author)
  await followed(cold, author)
  expect(await timeline(reader)).toEqual(['~', written])
  expect(await timeline(cold)).toEqual([])
})

test('a push reaches readers with a timeline; inactive ones are not written to', async () => {
  const [reader, inactive, author] = [await person(), await person(), await person()]
  for (const who of [reader, inactive]) await followed(who, author)
  await warm(reader)
  const id = await post(author)
  writes = []
  await services().fanout.postCreated(id)
  expect(await timeline(reader)).toEqual(['~', id])
  const touching = writes.filter((command) => command.includes(keys.timeline(inactive)))
  expect(touching).toEqual([['PTTL', keys.timeline(inactive)]])
})

test('above the inline limit a fan-out goes through pages that reach everybody once', async () => {
  const author = await person()
  const readers = await Promise.all(Array.from({ length: 5 }, person))
  for (const reader of readers) {
    await followed(reader, author)
    await warm(reader)
  }
  const id = await post(author)
  const { fanout } = services()
  await fanout.postCreated(id)
  expect(published.map((event) => event.type)).toEqual(Array(3).fill('fanout.page'))
  expect(await timeline(readers[0]!)).toEqual(['~'])
  for (const event of published) if (event.type === 'fanout.page') await fanout.page(event.data)
  for (const reader of readers) expect(await timeline(reader)).toEqual(['~', id])

  await postgres.pool.query('update posts set deleted_at = now() where post_id = $1', [id])
  published = []
  await fanout.postDeleted(id)
  for (const event of published) if (event.type === 'fanout.page') await fanout.page(event.data)
  for (const reader of readers) expect(await timeline(reader)).toEqual(['~'])
  expect(await one(['HGET', keys.post(id), 'deleted'])).toBe('1')
})

test('followers are cut into pages some at a time, none left out between them', async () => {
  const author = await person()
  const readers = (await Promise.all(Array.from({ length: 5 }, person))).sort(compareIds)
  for (const reader of readers) await followed(reader, author)
  const { store } = services()
  const ends = async (after: Id, pages: number) => store.pageEnds(author, after, 2, pages)
  expect(await ends('0', 10)).toEqual([readers[1], readers[3], readers[4]])
  expect(await ends('0', 2)).toEqual([readers[1], readers[3]])
  expect(await ends(readers[3]!, 2)).toEqual([readers[4]])
  expect(await ends(readers[4]!, 2)).toEqual([])
})

test('a deletion goes to the followers unless the post was made since its author is pulled only', async () => {
  const author = await person()
  const readers = await Promise.all([person(), person(), person()])
  for (const reader of readers) {
    await followed(reader, author)
    await warm(reader)
  }
  const { fanout, store } = services()
  const isTakenBack = async (id: Id) => {
    await one(['ZADD', keys.timeline(readers[0]!), 1, id])
    await postgres.pool.query('update posts set deleted_at = now() where post_id = $1', [id])
    published = []
    await fanout.postDeleted(id)
    expect(await one(['HGET', keys.post(id), 'deleted'])).toBe('1')
    for (const event of published) if (event.type === 'fanout.page') await fanout.page(event.data)
    return !(await timeline(readers[0]!)).includes(id)
  }
  const setMode = async (mode: string, applied: string, ago: string) => {
    await postgres.pool.query('delete from author_modes where author_id = $1', [author])
    await postgres.pool.query(
      `insert into author_modes (author_id, mode, version, applied_mode, applied_version, updated_at)
       values ($1, $2, 2, $3, $4, now() - $5::interval)`,
      [author, mode, applied, mode === applied ? 2 : 1, ago],
    )
  }
  await setMode('pull', 'pull', '10 minutes')
  expect(await isTakenBack(await post(author))).toBe(false)
  expect(published).toEqual([])
  await setMode('pull', 'pull', '0 seconds')
  expect(await isTakenBack(await post(author))).toBe(true)
  await setMode('both', 'pull', '10 minutes')
  expect(await isTakenBack(await post(author))).toBe(true)
  await setMode('pull', 'both', '10 minutes')
  expect(await isTakenBack(await post(author))).toBe(true)

  await store.applyMode(author, 'pull', 1_000)
  await postgres.pool.query('update author_modes set version = applied_version where author_id = $1', [author])
  expect((await store.target(await post(author)))?.pulledSinceMs).toBeGreaterThan(Date.now() - 60_000)
})

test('an author crosses the line and back: no timeline is written above it, nothing is missing below', async () => {
  const author = await person()
  const readers = await Promise.all([person(), person(), person()])
  for (const reader of readers) {
    await followed(reader, author)
    await warm(reader)
    await server.redis.pipeline([['SADD', keys.celebs(reader), '~', '~1']])
  }
  const { fanout, crossings, store } = services()
  const consumeModes = async () => {
    const { rows } = await postgres.pool.query(
      "select body from outbox where type = 'celebrity.changed' and body->'data'->>'userId' = $1 order by (body->'data'->>'version')::int",
      [author],
    )
    for (const { body } of rows) await crossings.modeChanged(body.data)
  }
  await crossings.consider(author, 3)
  expect(await store.mode(author)).toMatchObject({ mode: 'both', appliedMode: 'push' })
  await consumeModes()
  await consumeModes()
  expect(await store.mode(author)).toMatchObject({ mode: 'pull', appliedMode: 'pull', version: 2 })
  for (const reader of readers) expect(strings(await one(['SMEMBERS', keys.celebs(reader)]))).toContain(author)

  const id = await post(author)
  await fanout.postCreated(id)
  for (const reader of readers) expect(await timeline(reader)).toEqual(['~'])
  expect(strings(await one(['ZRANGE', keys.author(author), 0, -1]))).toContain(id)
  expect(strings(await one(['ZRANGE', keys.delta(), 0, -1]))).toContain(`p:${author}:${id}`)

  await one(['DEL', keys.timeline(readers[0]!)])
  await one(['ZADD', keys.timeline(readers[0]!), 0, '?rebuilding'])
  const before = Number(await one(['GET', keys.graph(readers[0]!)]))
  await crossings.consider(author, 1)
  await consumeModes()
  await consumeModes()
  expect(await store.mode(author)).toMatchObject({ mode: 'push', appliedMode: 'push', version: 4 })
  for (const reader of readers.slice(1)) expect(await timeline(reader)).toEqual(['~', id])
  expect(Number(await one(['GET', keys.graph(readers[0]!)]))).toBe(before + 1)
  const stays = await postgres.database.query<{ author: string }>(followedCelebrities(readers[1]!))
  expect(stays.map((row) => String(row.author))).toEqual([author])
})

test('an unfollow hides, purges, and is lifted by a second purge that survives a crash', async () => {
  const [reader, author] = [await person(), await person()]
  const id = await post(author)
  await warm(reader)
  await followed(reader, author)
  await server.redis.pipeline([
    ['SADD', keys.hidden(reader), '~'],
    ['SADD', keys.celebs(reader), '~', author],
  ])
  const ended = await commit(unfollow, reader, author)
  const { graph } = services()
  await graph.followChanged(ended)
  expect(await timeline(reader)).toEqual(['~'])
  expect(strings(await one(['SMEMBERS', keys.hidden(reader)]))).toContain(`u:${author}`)
  expect(strings(await one(['SMEMBERS', keys.celebs(reader)]))).not.toContain(author)
  await postgres.pool.query("update follows set updated_at = now() - interval '1 hour' where follower_id = $1", [
    reader,
  ])
  expect(await postgres.database.query(hiddenAuthors(reader))).toHaveLength(1)

  await one(['ZADD', keys.timeline(reader), 1, id])
  const [lost] = await postgresGraph(postgres.database).takeDuePurges(10, 0)
  expect(lost?.followerId).toBe(reader)
  expect(await graph.purgeDue()).toBe(1)
  expect(await timeline(reader)).toEqual(['~'])
  expect(strings(await one(['SMEMBERS', keys.hidden(reader)]))).toEqual(['~'])
  expect(await graph.purgeDue()).toBe(0)
  expect(await postgres.database.query(hiddenAuthors(reader))).toEqual([])
})

test('a follow that has been taken back since shows nothing', async () => {
  const [reader, author] = [await person(), await person()]
  await post(author)
  await warm(reader)
  await server.redis.pipeline([['SADD', keys.hidden(reader), '~', `u:${author}`]])
  const began = await commit(follow, reader, author)
  await commit(unfollow, reader, author)
  await services().graph.followChanged(began)
  expect(strings(await one(['SMEMBERS', keys.hidden(reader)]))).toContain(`u:${author}`)
  expect(await timeline(reader)).toEqual(['~'])
})

test('a block hides both from each other and empties both timelines; lifting it shows them again', async () => {
  const [a, b] = [await person(), await person()]
  const id = await post(b)
  for (const who of [a, b]) await server.redis.pipeline([['SADD', keys.hidden(who), '~']])
  await warm(a)
  await followed(a, b)
  expect(await timeline(a)).toEqual(['~', id])
  const { graph } = services()
  const change = { userId: a, targetId: b, kind: 'block' as const, version: 1 }
  await postgres.pool.query("insert into blocks (user_id, target_id, state) values ($1, $2, 'active')", [a, b])
  await graph.blockChanged({ ...change, state: 'active' })
  expect(await timeline(a)).toEqual(['~'])
  expect(strings(await one(['SMEMBERS', keys.hidden(b)]))).toContain(`b:${a}`)
  await postgres.pool.query("update blocks set state = 'removed' where user_id = $1", [a])
  await graph.blockChanged({ ...change, state: 'active' })
  for (const who of [a, b]) expect(strings(await one(['SMEMBERS', keys.hidden(who)]))).toEqual(['~'])
})

test('a changed account is read anew, also when Redis did not hear of it at once', async () => {
  const ann = await person()
  const stale = ['HSET', keys.user(ann), 'username', 'ann', 'is_private', 0] as const
  await server.redis.pipeline([stale])
  const { graph } = services()
  await graph.personChanged({ userId: ann, version: 1 })
  expect(await one(['HGET', keys.user(ann), 'username'])).toBe('ann')
  await graph.personChanged({ userId: ann, version: 2 })
  expect(await one(['HGET', keys.user(ann), 'username'])).toBeNull()
  expect(strings(await one(['ZRANGE', keys.delta(), 0, -1]))).toEqual([`u:${ann}`])
})
