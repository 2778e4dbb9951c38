import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeEvent } from '#core/events.ts'
import { emptySeen, hasSeen, parseSeen } from '#core/feed/index.ts'
import { createIdFactory, type Id } from '#core/ids.ts'
import { keys, SENTINEL } from '#core/keys.ts'
import { scored } from '#core/redis.ts'
import { type Database, nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { startEmbeddedPostgres } from '../embedded/postgres/index.ts'
import { startEmbeddedRedis } from '../embedded/redis/index.ts'
import { createRedisPort, type OriginRedis } from '../redis/index.ts'
import { countAffinity } from './affinity.ts'
import { recordSeen } from './signals.ts'
import { refreshTrending, trendScore } from './trending.ts'

let database: Database
let pool: pg.Pool
let redis: OriginRedis
const closers: (() => Promise<void>)[] = []
const now = Date.UTC(2026, 10, 1)
const HOUR_MS = 3_600_000

beforeAll(async () => {
  const [postgres, server] = await Promise.all([startEmbeddedPostgres(), startEmbeddedRedis()])
  pool = new pg.Pool({ connectionString: postgres.url })
  redis = createRedisPort(server.url)
  await Promise.all([migrate(pool), redis.ready()])
  database = nodeDatabase(drizzle({ client: pool }))
  closers.push(
    () => redis.close(),
    () => pool.end(),
    () => server.close(),
    () => postgres.close(),
  )
})
afterAll(async () => {
  for (const close of closers) await close()
})

const idAt = (ms: number, shard = 1): Id => createIdFactory(() => ms, Math.random).next(shard)

async function person(name: string, isPrivate = false): Promise<Id> {
  const id = idAt(now - 1000 * HOUR_MS)
  await pool.query('insert into users (user_id, username, email, is_private) values ($1, $2, $3, $4)', [
    id,
    name,
    `${name}@test.example`,
    isPrivate,
  ])
  return id
}

async function post(author: Id, ageHours: number, likes: number, tag: string): Promise<Id> {
  const id = idAt(now - ageHours * HOUR_MS)
  await pool.query(
    'insert into posts (post_id, user_id, media_urls, hashtags, like_count) values ($1, $2, $3, $4, $5)',
    [id, author, '[]', [tag], likes],
  )
  return id
}

describe('what is trending', () => {
  it('puts fresh engagement before old and what is too old to trend last, leaves private accounts out, and adds hashtags up', async () => {
    const open = await person('open')
    const closed = await person('closed', true)
    const old = await post(open, 100, 1_000, 'past')
    const fresh = await post(open, 1, 100, 'sea')
    const second = await post(open, 2, 90, 'sea')
    await post(closed, 1, 10_000, 'secret')
    const ancient = await post(open, 24 * 30, 1_000_000, 'ancient')
    await post(closed, 24 * 30, 10_000, 'secret')
    await refreshTrending(database, redis, () => now)
    const [posts, hashtags] = await redis.pipeline([
      ['ZRANGE', keys.trend('posts'), 0, -1, 'REV', 'WITHSCORES'],
      ['ZRANGE', keys.trend('hashtags'), 0, -1, 'REV', 'WITHSCORES'],
    ])
    const members = scored(posts).map(([member]) => member)
    expect(members.filter((member) => member !== SENTINEL)).toEqual([fresh, second, old, ancient])
    expect(members).toContain(SENTINEL)
    expect(scored(hashtags).map(([tag]) => tag)).toEqual(['sea', 'past', SENTINEL])
  })

  it('falls with age and rises with engagement', () => {
    const row = (ageHours: number, likes: number) => ({
      post_id: idAt(now - ageHours * HOUR_MS),
      user_id: '1',
      hashtags: [],
      like_count: likes,
      comment_count: 0,
    })
    expect(trendScore(row(1, 10), now)).toBeGreaterThan(trendScore(row(5, 10), now))
    expect(trendScore(row(1, 11), now)).toBeGreaterThan(trendScore(row(1, 10), now))
  })
})

describe('impressions', () => {
  it('are remembered, also when the same report comes twice', async () => {
    const signal = { userId: '7', postIds: ['11', '12'], at: now }
    await recordSeen(signal, redis, () => now)
    await recordSeen(signal, redis, () => now)
    await recordSeen({ ...signal, postIds: ['13'] }, redis, () => now)
    const [stored] = await redis.pipeline([['GET', keys.seen('7')]])
    const seen = parseSeen(String(stored)) ?? emptySeen(0)
    expect(['11', '12', '13'].map((id) => hasSeen(seen, id))).toEqual([true, true, true])
    expect(hasSeen(seen, '99')).toBe(false)
  })
})

describe('affinity', () => {
  const liked = (at: number, state: 'liked' | 'unliked' = 'liked', authorId = '2') =>
    makeEvent(
      {
        type: 'post.liked',
        key: '5',
        actor: '1',
        data: { postId: '5', userId: '1', authorId, state, at, version: at * 2 },
      },
      () => at,
      Math.random,
    )
  const weights = async () => (await pool.query('select author_id, weight from affinities where user_id = 1')).rows

  it('counts each engagement with somebody else once', async () => {
    const first = liked(1_000)
    for (const event of [first, first, liked(2_000), liked(3_000, 'unliked'), liked(4_000, 'liked', '1')]) {
      await countAffinity(event, database)
    }
    expect(await weights()).toEqual([{ author_id: '2', weight: 2 }])
  })

  it('counts a comment, and none of its edits', async () => {
    await pool.query('delete from affinities')
    for (const version of [1, 2, 3]) {
      const data = { postId: '5', commentId: '6', userId: '1', authorId: '2', parentId: null, version }
      const event = { type: 'post.commented', key: '5', actor: '1', data } as const
      await countAffinity(
        makeEvent(event, () => version * 1_000, Math.random),
        database,
      )
    }
    expect(await weights()).toEqual([{ author_id: '2', weight: 1 }])
  })
})
