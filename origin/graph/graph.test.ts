/** What follows, blocks and mutes mean for timelines, on Postgres and Redis, embedded. */
import { expect, test } from 'vitest'
import type { Id } from '#core/ids.ts'
import { keys } from '#core/keys.ts'
import { strings } from '#core/redis.ts'
import { hiddenAuthors } from '#drizzle/queries/feed.ts'
import { follow, unfollow } from '#drizzle/queries/graph.ts'
import { useTierStage } from '../../test/contract/fanout-stage.ts'

const stage = useTierStage()

const counts = async (user: Id) =>
  (await stage.postgres.pool.query('select follower_count, following_count from users where user_id = $1', [user]))
    .rows[0]

test('a follow and its end count once each, however often and in whatever order they are told', async () => {
  const [reader, author] = [await stage.person(), await stage.person()]
  const { graph } = stage.services()
  const began = await stage.commit(follow, reader, author)
  await graph.followChanged(began)
  await graph.followChanged(began)
  expect([await counts(author), await counts(reader)]).toMatchObject([{ follower_count: 1 }, { following_count: 1 }])
  const ended = await stage.commit(unfollow, reader, author)
  await graph.followChanged(ended)
  await graph.followChanged(began)
  await graph.followChanged(ended)
  expect([await counts(author), await counts(reader)]).toMatchObject([{ follower_count: 0 }, { following_count: 0 }])
})

test('a follow fills the timeline down to its floor, and nothing where there is none', async () => {
  const [reader, cold, author] = [await stage.person(), await stage.person(), await stage.person()]
  const written = await stage.post(author)
  await stage.warm(reader)
  await stage.followed(reader, author)
  await stage.followed(cold, author)
  expect(await stage.timeline(reader)).toEqual(['~', written])
  expect(await stage.timeline(cold)).toEqual([])
})

test('an unfollow hides, purges, and is lifted by a second purge that survives a crash', async () => {
  const [reader, author] = [await stage.person(), await stage.person()]
  const id = await stage.post(author)
  await stage.warm(reader)
  await stage.followed(reader, author)
  await stage.server.redis.pipeline([
    ['SADD', keys.hidden(reader), '~'],
    ['SADD', keys.celebs(reader), '~', author],
  ])
  const ended = await stage.commit(unfollow, reader, author)
  const { graph } = stage.services()
  await graph.followChanged(ended)
  expect(await stage.timeline(reader)).toEqual(['~'])
  expect(strings(await stage.one(['SMEMBERS', keys.hidden(reader)]))).toContain(`u:${author}`)
  expect(strings(await stage.one(['SMEMBERS', keys.celebs(reader)]))).not.toContain(author)
  await stage.postgres.pool.query("update follows set updated_at = now() - interval '1 hour' where follower_id = $1", [
    reader,
  ])
  expect(await stage.postgres.database.query(hiddenAuthors(reader))).toHaveLength(1)

  await stage.one(['ZADD', keys.timeline(reader), 1, id])
  const [lost] = await stage.services().purges.takeDuePurges(10, 0)
  expect(lost?.followerId).toBe(reader)
  expect(await graph.purgeDue()).toBe(1)
  expect(await stage.timeline(reader)).toEqual(['~'])
  expect(strings(await stage.one(['SMEMBERS', keys.hidden(reader)]))).toEqual(['~'])
  expect(await graph.purgeDue()).toBe(0)
  expect(await stage.postgres.database.query(hiddenAuthors(reader))).toEqual([])
})

test('a follow that has been taken back since shows nothing', async () => {
  const [reader, author] = [await stage.person(), await stage.person()]
  await stage.post(author)
  await stage.warm(reader)
  await stage.server.redis.pipeline([['SADD', keys.hidden(reader), '~', `u:${author}`]])
  const began = await stage.commit(follow, reader, author)
  await stage.commit(unfollow, reader, author)
  await stage.services().graph.followChanged(began)
  expect(strings(await stage.one(['SMEMBERS', keys.hidden(reader)]))).toContain(`u:${author}`)
  expect(await stage.timeline(reader)).toEqual(['~'])
})

test('a block hides both from each other and empties both timelines; lifting it shows them again', async () => {
  const [a, b] = [await stage.person(), await stage.person()]
  const id = await stage.post(b)
  for (const who of [a, b]) await stage.server.redis.pipeline([['SADD', keys.hidden(who), '~']])
  await stage.warm(a)
  await stage.followed(a, b)
  expect(await stage.timeline(a)).toEqual(['~', id])
  const { graph } = stage.services()
  const change = { userId: a, targetId: b, kind: 'block' as const, version: 1 }
  await stage.postgres.pool.query("insert into blocks (user_id, target_id, state) values ($1, $2, 'active')", [a, b])
  await graph.blockChanged({ ...change, state: 'active' })
  expect(await stage.timeline(a)).toEqual(['~'])
  expect(strings(await stage.one(['SMEMBERS', keys.hidden(b)]))).toContain(`b:${a}`)
  await stage.postgres.pool.query("update blocks set state = 'removed' where user_id = $1", [a])
  await graph.blockChanged({ ...change, state: 'active' })
  for (const who of [a, b]) expect(strings(await stage.one(['SMEMBERS', keys.hidden(who)]))).toEqual(['~'])
})

test('a changed account is read anew, also when Redis did not hear of it at once', async () => {
  const ann = await stage.person()
  const stale = ['HSET', keys.user(ann), 'username', 'ann', 'is_private', 0] as const
  await stage.server.redis.pipeline([stale])
  const { graph } = stage.services()
  await graph.personChanged({ userId: ann, version: 1 })
  expect(await stage.one(['HGET', keys.user(ann), 'username'])).toBe('ann')
  await graph.personChanged({ userId: ann, version: 2 })
  expect(await stage.one(['HGET', keys.user(ann), 'username'])).toBeNull()
  expect(strings(await stage.one(['ZRANGE', keys.delta(), 0, -1]))).toEqual([`u:${ann}`])
})

test('a second purge that waits for its turn at Redis is nobody’s: its lease begins with the turn', async () => {
  for (let i = 0; i < 6; i++) {
    await stage.postgres.pool.query('insert into timeline_purges values ($1, $2, now())', [
      await stage.person(),
      await stage.person(),
    ])
  }
  const turn = Promise.withResolvers<void>()
  let turns = 0
  const { graph, purges } = stage.services({
    async whenIdle(work) {
      turns++
      await turn.promise
      return work()
    },
  })
  const waiting = graph.purgeDue()
  expect(await purges.takeDuePurges(10, 0)).toHaveLength(6)
  turn.resolve()
  expect(await waiting).toBe(6)
  expect(turns).toBe(2)
  expect(await graph.purgeDue()).toBe(0)
})
