import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { verify } from '@node-rs/argon2'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { keys } from '#core/keys.ts'
import { type Database, nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { type EmbeddedObjects, startEmbeddedObjects } from '../embedded/objects/index.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded/postgres/index.ts'
import { type EmbeddedRedis, startEmbeddedRedis } from '../embedded/redis/index.ts'
import { postgresEngagement } from '../engagement/index.ts'
import { type ObjectStore, s3Objects } from '../objects/index.ts'
import { createRedisPort, type OriginRedis } from '../redis/index.ts'
import { DEMO_PASSWORD, type DemoNeeds, demoPeople, seedDemo } from './index.ts'
import { readPhotos } from './photos.ts'
import { inventStory, type Story } from './story.ts'
import { TOPICS } from './topics.ts'

const NOW = Date.UTC(2026, 10, 20, 12)
const SIZE = { people: 60, posts: 150 }
const PHOTOS = fileURLToPath(new URL('../../ops/demo/photos', import.meta.url))
const CLASSES = TOPICS.flatMap((topic) => topic.classes.map((photoClass) => photoClass.name))

let postgres: EmbeddedPostgres
let pool: pg.Pool
let database: Database
let store: EmbeddedObjects
let objects: ObjectStore
let redisServer: EmbeddedRedis
let redis: OriginRedis
const directory = mkdtempSync(join(tmpdir(), 'demo-'))

beforeAll(async () => {
  postgres = await startEmbeddedPostgres()
  pool = new pg.Pool({ connectionString: postgres.url, max: 2 })
  await migrate(pool)
  database = nodeDatabase(drizzle(pool))
  const credentials = { accessKeyId: 'demo-test', secretAccessKey: 'demo-test-secret' }
  const logger = { info() {}, error() {} }
  store = await startEmbeddedObjects({ dir: directory, credentials, buckets: ['media-demo'], logger })
  objects = s3Objects({ endpoint: store.endpoint, bucket: 'media-demo', region: 'us-east-1', credentials })
  redisServer = await startEmbeddedRedis()
  redis = createRedisPort(redisServer.url, { commandTimeoutMs: 5_000 })
  await redis.ready()
}, 60_000)

afterAll(async () => {
  await redis.close()
  await redisServer.close()
  await store.close()
  await pool.end()
  await postgres.close()
  rmSync(directory, { recursive: true, force: true })
})

beforeEach(async () => {
  await pool.query(`TRUNCATE users, credentials, media, posts, follows, followers, follow_requests, author_modes, likes,
    comments, boards, saves`)
  await redis.pipeline([['FLUSHALL']])
})

const seed = (more: Partial<DemoNeeds> = {}) =>
  seedDemo({ database, objects, redis, size: SIZE, celebrityAt: 20, clock: () => NOW, ...more })

/** How many rows of a query that should find none. */
const violations = async (query: string) => (await pool.query(`SELECT count(*)::int AS n FROM (${query}) v`)).rows[0].n

async function expectConsistent(): Promise<void> {
  const counted = {
    followers: `SELECT 1 FROM users u WHERE follower_count <>
      (SELECT count(*) FROM followers f WHERE f.followee_id = u.user_id AND f.state = 'active')`,
    following: `SELECT 1 FROM users u WHERE following_count <>
      (SELECT count(*) FROM follows f WHERE f.follower_id = u.user_id AND f.state = 'active')`,
    inverse: `SELECT follower_id, followee_id, version FROM follows WHERE state = 'active'
      EXCEPT SELECT follower_id, followee_id, version FROM followers WHERE state = 'active'`,
    posts: `SELECT 1 FROM users u WHERE post_count <> (SELECT count(*) FROM posts p WHERE p.user_id = u.user_id)`,
    likes: `SELECT 1 FROM posts p WHERE like_count <> (SELECT count(*) FROM likes l WHERE l.post_id = p.post_id)`,
    comments: `SELECT 1 FROM posts p WHERE comment_count <>
      (SELECT count(*) FROM comments c WHERE c.post_id = p.post_id)`,
    requests: `SELECT follower_id, followee_id FROM follows WHERE state = 'requested'
      EXCEPT SELECT follower_id, followee_id FROM follow_requests`,
    modes: `SELECT 1 FROM users u WHERE (follower_count >= 20) <>
      EXISTS (SELECT 1 FROM author_modes m WHERE m.author_id = u.user_id AND m.mode = 'pull' AND m.applied_mode = 'pull')`,
    media: `SELECT 1 FROM posts p WHERE EXISTS (SELECT 1 FROM jsonb_array_elements(media_urls) e
      WHERE NOT EXISTS (SELECT 1 FROM media m WHERE m.media_id = (e->>'mediaId')::bigint AND m.post_id = p.post_id
        AND m.user_id = p.user_id AND m.key = e->>'key' AND m.state = 'ready'))`,
    future: `SELECT 1 FROM likes l JOIN posts p USING (post_id) WHERE l.liked_at > ${NOW} OR
      l.liked_at < extract(epoch FROM p.created_at) * 1000`,
  }
  for (const [what, query] of Object.entries(counted)) expect([what, await violations(query)]).toEqual([what, 0])
}

describe('seeding the demo', { timeout: 30_000 }, () => {
  it('leaves every count, inverse row, mode, picture and Redis key as the tiers would have', async () => {
    const labels = new Map<string, number>()
    const summary = await seed({ onProgress: (done, total, label) => labels.set(label, done / total) })
    expect(summary).toMatchObject({ state: 'seeded', people: 60, posts: 150 })
    expect(Math.min(summary.follows, summary.likes, summary.comments, summary.celebrities)).toBeGreaterThan(0)
    expect([...labels.values()]).toEqual([1, 1])
    await expectConsistent()

    const { rows } = await pool.query<{ key: string; bytes: string }>('SELECT key, bytes FROM media LIMIT 3')
    for (const { key, bytes } of rows) {
      expect(key).toMatch(/^media\/\d+\/[0-9a-f]{32}\.jpg$/)
      expect(await objects.head(key)).toMatchObject({ size: Number(bytes), contentType: 'image/jpeg' })
    }
    const { rows: modes } = await pool.query("SELECT author_id FROM author_modes WHERE mode = 'pull'")
    expect(modes).toHaveLength(summary.celebrities)
    const { rows: people } = await pool.query<{ user_id: string }>('SELECT user_id FROM users')
    const replies = await redis.pipeline(people.map(({ user_id }) => ['ZSCORE', keys.rec(String(user_id)), '~']))
    expect(new Set(replies)).toEqual(new Set(['0']))
  })

  it('leaves likes and comments to the store that keeps them, as it would have taken them', async () => {
    const labels = new Set<string>()
    const engagementStore = postgresEngagement(database)
    const summary = await seed({ engagementStore, onProgress: (_done, _total, label) => labels.add(label) })
    expect([...labels]).toEqual(['photos', 'follows and posts', 'likes and comments'])
    expect(Math.min(summary.likes, summary.comments)).toBeGreaterThan(0)
    await expectConsistent()
  })

  it('lets everybody sign in with the shared password, and offers some of them first', async () => {
    await seed()
    const { rows } = await pool.query<{ password_hash: string }>('SELECT DISTINCT password_hash FROM credentials')
    expect(rows).toHaveLength(1)
    expect(await verify(rows[0]?.password_hash ?? '', DEMO_PASSWORD)).toBe(true)
    const cards = await demoPeople(database)
    expect(cards).toHaveLength(12)
    expect(cards[0]?.avatarUrl).toMatch(/^\/img\/[^/]+\/media\/\d+\/\w+\.jpg$/)
  })

  it('does nothing a second time', async () => {
    const first = await seed()
    const again = await seed({ clock: () => NOW + 86_400_000 })
    expect(again).toEqual({ ...first, state: 'already' })
  })

  it('completes what an interrupted seeding began, as of the instant it began', async () => {
    let puts = 0
    const failing: ObjectStore = {
      ...objects,
      put: (...put) => (++puts > 40 ? Promise.reject(new Error('away')) : objects.put(...put)),
    }
    await expect(seed({ objects: failing })).rejects.toThrow('away')
    expect(await violations('SELECT 1 FROM credentials')).toBe(0)
    const whole = await seed({ clock: () => NOW + 3_600_000 })
    expect(whole).toMatchObject({ state: 'seeded', people: 60, posts: 150 })
    await expectConsistent()
  })

  it('leaves a database alone that has people of its own', async () => {
    await pool.query(`INSERT INTO users (user_id, username, email) VALUES (1, 'ada', 'ada@example.org')`)
    expect(await seed()).toMatchObject({ state: 'occupied', people: 1, posts: 0 })
    expect(await demoPeople(database)).toEqual([])
  })
})

describe('the story', () => {
  let story: Story
  let photos: Awaited<ReturnType<typeof readPhotos>>
  beforeAll(async () => {
    photos = await readPhotos(PHOTOS, CLASSES)
    story = inventStory({ seed: 'tideline', people: 200, posts: 1_000 }, photos, NOW)
  }, 30_000)

  it('is the same for the same seed and instant, and another for another seed', () => {
    const size = { seed: 'tideline', people: 40, posts: 60 }
    const tell = (seed: string) => {
      const told = inventStory({ ...size, seed }, photos, NOW)
      return [
        told.follows.length,
        told.posts.map((post) => [post.postId, post.caption, post.pictures[0]?.key]),
        told.likes.length,
      ]
    }
    expect(tell('tideline')).toEqual(tell('tideline'))
    expect(tell('tideline')).not.toEqual(tell('other'))
  })

  it('has a heavy tail of followers and of likes, and several celebrities', () => {
    const followers = story.people.map((person) => story.followers.get(person.userId) ?? 0).sort((a, b) => b - a)
    const top = followers.slice(0, 20).reduce((sum, n) => sum + n, 0)
    expect(top / followers.reduce((sum, n) => sum + n, 0)).toBeGreaterThan(0.35)
    expect(followers.filter((n) => n >= 60).length).toBeGreaterThanOrEqual(5)
    expect(followers[100]).toBeLessThan(25)
    const likes = story.posts
      .map((post) => story.likes.filter((like) => like.post === post).length)
      .sort((a, b) => b - a)
    expect(likes[0]).toBeGreaterThan(10 * (likes[500] ?? 0))
  })

  it('posts within three weeks, a third of it within two days, nothing twice under one id', () => {
    const ages = story.posts.map((post) => NOW - post.createdMs)
    expect(Math.min(...ages)).toBeGreaterThan(0)
    expect(Math.max(...ages)).toBeLessThan(21 * 86_400_000)
    expect(ages.filter((age) => age < 2 * 86_400_000).length).toBeCloseTo(333, -2)
    const ids = [...story.posts.map((post) => post.postId), ...story.comments.map((comment) => comment.commentId)]
    expect(new Set(ids).size).toBe(ids.length)
  })

  it('shows nobody’s private posts to strangers’ likes, and the first four follow each other', () => {
    const pairs = new Set(
      story.follows
        .filter((follow) => !follow.requested)
        .map((follow) => `${follow.follower.userId}>${follow.followee.userId}`),
    )
    for (const { post, person } of story.likes) {
      if (post.author.isPrivate) expect(pairs).toContain(`${person.userId}>${post.author.userId}`)
    }
    for (const a of story.people.slice(0, 4)) {
      for (const b of story.people.slice(0, 4)) if (a !== b) expect(pairs).toContain(`${a.userId}>${b.userId}`)
    }
    expect(story.people.some((person) => person.isPrivate)).toBe(true)
    expect(story.follows.some((follow) => follow.requested)).toBe(true)
  })
})
