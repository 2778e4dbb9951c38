/** Authors across the celebrity line, on Postgres and Redis, embedded. */
import { expect, test } from 'vitest'
import type { EventData } from '#core/events.ts'
import { keys } from '#core/keys.ts'
import { strings } from '#core/redis.ts'
import { followedCelebrities } from '#drizzle/queries/feed.ts'
import { useTierStage } from '../../test/contract/fanout-stage.ts'

const stage = useTierStage()

test('an author crosses the line and back: no timeline is written above it, nothing is missing below', async () => {
  const author = await stage.person()
  const readers = await Promise.all([stage.person(), stage.person(), stage.person()])
  for (const reader of readers) {
    await stage.followed(reader, author)
    await stage.warm(reader)
    await stage.server.redis.pipeline([['SADD', keys.celebs(reader), '~', '~1']])
  }
  const { fanout, crossings, store } = stage.services()
  /** To the end, each page twice: it may come so. */
  const consumePages = async () => {
    const late: EventData<'crossing.page'>[] = []
    for (let next = stage.seen.events.shift(); next !== undefined; next = stage.seen.events.shift()) {
      if (next.type === 'fanout.page') await fanout.page(next.data)
      if (next.type !== 'crossing.page') continue
      for (let i = 0; i < 2; i++) await crossings.page(next.data)
      late.push(next.data)
    }
    // Of a crossing that is over they do nothing.
    stage.seen.pipelines = []
    for (const page of late) await crossings.page(page)
    expect(stage.seen.pipelines).toEqual([])
    return late.length
  }
  const consumeModes = async () => {
    const { rows } = await stage.postgres.pool.query(
      "select body from outbox where type = 'celebrity.changed' and body->'data'->>'userId' = $1 order by (body->'data'->>'version')::int",
      [author],
    )
    for (const { body } of rows) await crossings.modeChanged(body.data)
  }
  await crossings.consider(author, 3)
  expect(await store.mode(author)).toMatchObject({ mode: 'both', appliedMode: 'push' })
  await consumeModes()
  expect(await store.mode(author)).toMatchObject({ mode: 'both', appliedMode: 'both' })
  expect(await consumePages()).toBeGreaterThanOrEqual(2)
  await consumeModes()
  expect(await store.mode(author)).toMatchObject({ mode: 'pull', appliedMode: 'pull', version: 2 })
  for (const reader of readers) expect(strings(await stage.one(['SMEMBERS', keys.celebs(reader)]))).toContain(author)

  const id = await stage.post(author)
  await fanout.postCreated(id)
  for (const reader of readers) expect(await stage.timeline(reader)).toEqual(['~'])
  expect(strings(await stage.one(['ZRANGE', keys.author(author), 0, -1]))).toContain(id)
  expect(strings(await stage.one(['ZRANGE', keys.delta(), 0, -1]))).toContain(`p:${author}:${id}`)

  await stage.one(['DEL', keys.timeline(readers[0]!)])
  await stage.one(['ZADD', keys.timeline(readers[0]!), 0, '?rebuilding'])
  const before = Number(await stage.one(['GET', keys.graph(readers[0]!)]))
  await crossings.consider(author, 1)
  await consumeModes()
  // What is posted meanwhile is pushed, too.
  const meanwhile = await stage.post(author)
  await fanout.postCreated(meanwhile)
  expect(await consumePages()).toBeGreaterThanOrEqual(2)
  await consumeModes()
  expect(await store.mode(author)).toMatchObject({ mode: 'push', appliedMode: 'push', version: 4 })
  for (const reader of readers.slice(1)) expect(await stage.timeline(reader)).toEqual(['~', id, meanwhile])
  expect(Number(await stage.one(['GET', keys.graph(readers[0]!)]))).toBeGreaterThan(before)
  const stays = await stage.postgres.database.query<{ author: string }>(followedCelebrities(readers[1]!))
  expect(stays.map((row) => String(row.author))).toEqual([author])
})

test('an author who comes back is laid into many timelines some at a time, so that one pipeline holds up nobody', async () => {
  const author = await stage.person()
  const readers = Array.from({ length: 120 }, (_, i) => String(BigInt(author) + BigInt(i) + 1n))
  await stage.postgres.pool.query(
    'insert into followers (followee_id, follower_id) select $1, id from unnest($2::bigint[]) id',
    [author, `{${readers.join(',')}}`],
  )
  for (const reader of readers) await stage.warm(reader)
  const post = await stage.post(author)
  const { crossings, store } = stage.services({ policy: { ...stage.policy, followersPerPage: 1_000 } })
  await stage.postgres.pool.query(
    "insert into author_modes (author_id, mode, version, applied_mode, applied_version) values ($1, 'both', 3, 'pull', 2)",
    [author],
  )
  await crossings.modeChanged({ userId: author, mode: 'both', up: false, version: 3 })
  expect(stage.seen.events).toMatchObject([{ type: 'crossing.page', data: { after: '0' } }])
  await crossings.page({ userId: author, up: false, version: 3, after: '0' })
  expect(await store.mode(author)).toMatchObject({ mode: 'push' })
  for (const reader of readers) expect(await stage.timeline(reader)).toEqual(['~', post])
  const laid = stage.seen.pipelines.filter((commands) => commands[0]?.[0] === 'ZADD')
  expect(laid.map((commands) => new Set(commands.map(([, key]) => key)).size)).toEqual([50, 50, 20])
})
