/**
 * What people notice when Redis, Postgres or the origin's roles are away, and that everything arrives afterwards, once.
 * The engines live in this process, each to be stopped by itself; the gateways in a process of their own.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { EmbeddedPostgres } from '../../origin/embedded/postgres/index.ts'
import { type EmbeddedRedis, startEmbeddedRedis } from '../../origin/embedded/redis/index.ts'
import type { FeedItem, Page, Person, PostAnswer } from '../e2e/person.ts'
import { until } from '../e2e/until.ts'
import { type Edge, startEdge } from './edge.ts'
import type { OriginProcess } from './origin-process.ts'
import { authorAndReader, splitOrigin } from './split-origin.ts'

const stateDir = mkdtempSync(join(tmpdir(), 'tideline-outages-'))
const { startPostgres, startRoles, startGateway, redisPort, gatewayPort, edgeSettings } = await splitOrigin(stateDir)
const startRedis = () => startEmbeddedRedis({ port: redisPort })

let postgres: EmbeddedPostgres
let redis: EmbeddedRedis
let roles: OriginProcess
let gateway: OriginProcess
let edge: Edge
let author: Person
let reader: Person

beforeAll(async () => {
  ;[postgres, redis] = await Promise.all([startPostgres(), startRedis()])
  roles = await startRoles()
  gateway = await startGateway()
  edge = await startEdge(edgeSettings(gatewayPort))
  ;[author, reader] = await authorAndReader(edge)
  const first = await author.post('before all outages')
  await untilInFeed(first)
})
afterAll(async () => {
  await edge?.close()
  await Promise.all([gateway?.stop(), roles?.stop()])
  await redis?.close()
  await postgres?.close()
  rmSync(stateDir, { recursive: true, force: true })
})

const FEED = '/v1/feed?mode=following&limit=100'
const readFeed = () => reader.call<Page<FeedItem>>('GET', FEED)
const captions = (page: Page<FeedItem>) => page.items.map(({ caption }) => caption)

/** Waits until a post is in the reader's feed, once, and nothing is degraded any more. */
const untilInFeed = (post: { id: string }) =>
  until(`${post.id} is in the feed`, async () => {
    const { status, body, headers } = await readFeed()
    if (status !== 200 || headers.has('tideline-degraded')) return false
    const found = body.items.filter(({ id }) => id === post.id).length
    expect(found).toBeLessThan(2)
    return found === 1
  })

it('Redis away: the feed is whole, from Postgres, and says so; posts are accepted and arrive afterwards', async () => {
  await redis.close()
  const during = await author.call<PostAnswer>('POST', '/v1/posts', { caption: 'without redis' })
  expect(during.status).toBe(201)
  const { status, body, headers } = await readFeed()
  expect({ status, captions: captions(body) }).toEqual({
    status: 200,
    captions: ['without redis', 'before all outages'],
  })
  expect(headers.get('tideline-degraded')).toContain('redis')
  expect((await author.feed()).items.map(({ id }) => id)).toContain(during.body.id)

  redis = await startRedis()
  await untilInFeed(during.body)
})

it('the origin away: posts are accepted as usual, likes are kept, and everything arrives once', async () => {
  await roles.kill()
  const during = await author.call<PostAnswer>('POST', '/v1/posts', { caption: 'without the origin' })
  expect(during.status).toBe(201)
  expect((await author.feed()).items[0]).toMatchObject({ id: during.body.id, reason: 'own' })
  expect((await readFeed()).status).toBe(200)
  const like = `/v1/posts/${during.body.id}/like`
  for (let taps = 0; taps < 2; taps++) expect((await reader.call('POST', like)).status).toBe(202)
  const comment = await reader.call<{ id: string }>('POST', `/v1/posts/${during.body.id}/comments`, {
    body: 'still here',
  })
  expect(comment).toMatchObject({ status: 202, body: { status: 'accepted', id: expect.any(String) } })

  roles = await startRoles()
  await untilInFeed(during.body)
  await until('likes and comments are counted once', async () => {
    const post = await reader.ask<PostAnswer>('GET', `/v1/posts/${during.body.id}`)
    return post.likeCount === 1 && post.commentCount === 1 && post.liked
  })
  const comments = await reader.ask<Page<{ id: string }>>('GET', `/v1/posts/${during.body.id}/comments`)
  expect(comments.items.map(({ id }) => id)).toEqual([comment.body.id])
})

it('Postgres away: warm readers read on, posts are kept under their final id and arrive once', async () => {
  await readFeed()
  await postgres.close()
  const { status, body } = await readFeed()
  expect(status).toBe(200)
  expect(captions(body)).toContain('before all outages')
  const keyed = { 'idempotency-key': 'one-post' }
  const accepted = await author.call<PostAnswer>('POST', '/v1/posts', { caption: 'without postgres' })
  const repeated = [1, 2].map(() => author.call<PostAnswer>('POST', '/v1/posts', { caption: 'once' }, keyed))
  const [first, second] = await Promise.all(repeated)
  for (const answer of [accepted, first, second]) {
    expect(answer).toMatchObject({ status: 202, body: { status: 'accepted', id: expect.any(String) } })
  }
  expect(first?.body.id).toBe(second?.body.id)

  postgres = await startPostgres()
  await untilInFeed(accepted.body)
  await untilInFeed(first!.body)
  const after = await author.call<PostAnswer>('POST', '/v1/posts', { caption: 'once' }, keyed)
  expect(after).toMatchObject({ status: 201, body: { id: first!.body.id, caption: 'once' } })
  expect(captions((await readFeed()).body).filter((caption) => caption === 'once')).toEqual(['once'])
})
