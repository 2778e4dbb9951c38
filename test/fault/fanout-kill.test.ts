/** Kill -9 of the origin while a post is on its way to ten thousand timelines: after the restart each has it, once. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { expect, it } from 'vitest'
import { makeEvent } from '#core/events.ts'
import { createIdFactory, type Id } from '#core/ids.ts'
import { keys, MARK } from '#core/keys.ts'
import { strings } from '#core/redis.ts'
import { readConfig } from '../../origin/config.ts'
import { createRedisPort, type OriginRedis } from '../../origin/redis/index.ts'
import { until } from '../e2e/until.ts'
import { originPorts, startOriginProcess } from './origin-process.ts'
import { redisCommand, startSeparateRedis } from './redis-server.ts'

const FOLLOWERS = 9_999
/** A kill that comes before the first timeline or after the last shows nothing: another post is made. */
const ROUNDS = 10
const ids = createIdFactory(Date.now, Math.random)
const newId = () => ids.next(3)

const command = redisCommand()
/** A run shows titles, not conditions. */
const unlessThere = command === null ? ' (skipped: no redis-server on the PATH)' : ''

it.skipIf(command === null)(
  `a fan-out that is killed in the middle goes on and ends, every timeline has the post once${unlessThere}`,
  async () => {
    const redis = await startSeparateRedis(command ?? '')
    const stateDir = mkdtempSync(join(tmpdir(), 'tideline-fanout-kill-'))
    const env = { ...(await originPorts()), STATE_DIR: stateDir, REDIS_URL: redis.url }
    const { SERVICE_TOKEN } = readConfig(env).secrets
    const port = createRedisPort(redis.url)
    let origin = await startOriginProcess(env)
    try {
      const { author, followers } = await populate(Number(env.POSTGRES_PORT), port)
      const posts: Id[] = []
      for (let round = 0, caught = 0; caught === 0 && round < ROUNDS; round++) {
        const post = await publish(env, SERVICE_TOKEN, author)
        posts.push(post)
        await until('the first timeline has it', async () => (await holding(port, followers, post)) > 0, { everyMs: 1 })
        await origin.kill()
        const reached = await holding(port, followers, post)
        if (reached < FOLLOWERS) caught = reached
        origin = await startOriginProcess(env)
        await until('every timeline has it', async () => (await holding(port, followers, post)) === FOLLOWERS)
        if (round === ROUNDS - 1) expect(caught, 'no kill came in the middle').toBeGreaterThan(0)
      }
      const timelines = await port.pipeline(followers.map((follower) => ['ZRANGE', keys.timeline(follower), 0, -1]))
      const different = new Set(timelines.map((members) => strings(members).join()))
      expect(different).toEqual(new Set([[MARK, ...posts].join()]))
    } finally {
      await origin.stop()
      await port.close()
      await redis.close()
      rmSync(stateDir, { recursive: true, force: true })
    }
  },
  300_000,
)

const connect = async (port: number) => {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
  await client.connect()
  return client
}

/** One author whose followers are all warm. */
async function populate(postgresPort: number, redis: OriginRedis): Promise<{ author: Id; followers: Id[] }> {
  await redis.ready()
  const client = await connect(postgresPort)
  const author = newId()
  const followers = Array.from({ length: FOLLOWERS }, newId)
  await client.query('insert into users (user_id, username, email, follower_count) values ($1::bigint, $1, $1, $2)', [
    author,
    FOLLOWERS,
  ])
  await client.query('insert into followers (followee_id, follower_id) select $1, id from unnest($2::bigint[]) id', [
    author,
    `{${followers.join(',')}}`,
  ])
  await client.end()
  await redis.pipeline(followers.map((follower) => ['ZADD', keys.timeline(follower), 0, MARK]))
  return { author, followers }
}

/** As the edge and its queue would: a row, then the event at ingest. */
async function publish(env: { PORT: string; POSTGRES_PORT: string }, token: string, author: Id): Promise<Id> {
  const post = newId()
  const client = await connect(Number(env.POSTGRES_PORT))
  await client.query("insert into posts (post_id, user_id, media_urls) values ($1, $2, '[]')", [post, author])
  await client.end()
  const data = { postId: post, userId: author, version: 1, awaitsMedia: false, hashtags: [] }
  const body = makeEvent({ type: 'post.created', key: author, actor: author, data }, Date.now, Math.random)
  const answer = await fetch(`http://127.0.0.1:${env.PORT}/internal/ingest`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ queue: 'events', messages: [{ id: post, attempts: 1, body }] }),
  })
  expect(await answer.json()).toMatchObject({ results: [{ outcome: 'done' }] })
  return post
}

async function holding(redis: OriginRedis, readers: readonly Id[], post: Id): Promise<number> {
  const scores = await redis.pipeline(readers.map((reader) => ['ZSCORE', keys.timeline(reader), post]))
  return scores.filter((score) => score !== null).length
}
