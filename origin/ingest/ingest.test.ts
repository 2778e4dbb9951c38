import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeEvent, type TidelineEvent } from '#core/events.ts'
import type { DeferredWrite, IngestResponse } from '#core/origin-api.ts'
import { problems } from '#core/problem.ts'
import { type Database, nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { insertOutbox } from '#drizzle/queries/outbox.ts'
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded/postgres/index.ts'
import { type OperableEventLog, Unprocessable } from '../event-log.ts'
import { createInternalApi, type InternalApi } from '../http.ts'
import { postgresLog } from '../log/index.ts'
import { createLogger } from '../observe/logger.ts'
import { createMetrics } from '../observe/metrics.ts'
import { createOutbox } from '../outbox/index.ts'
import {
  createDeferredPosts,
  createIngest,
  deferredFromMethods,
  type Ingest,
  lettersWaiting,
  postgresDeadLetters,
} from './index.ts'

let server: EmbeddedPostgres
let pool: pg.Pool
let database: Database
let log: OperableEventLog
let api: InternalApi
let ingest: Ingest
let away: { log: boolean; letters: boolean }
let liked: unknown[]

const logger = createLogger({ level: 'silent' })
const common = () => ({ clock: Date.now, random: Math.random, logger, metrics: createMetrics() })

beforeAll(async () => {
  server = await startEmbeddedPostgres()
  pool = new pg.Pool({ connectionString: server.url, max: 4 })
  await migrate(pool)
  database = nodeDatabase(drizzle(pool))
}, 60_000)

afterAll(async () => {
  await log.close()
  await pool.end()
  await server.close()
})

beforeEach(async () => {
  await pool.query(`TRUNCATE log_messages, log_partitions, log_offsets, log_members, outbox, dead_letters, posts,
    post_aliases, idempotency_keys, media, users`)
  await pool.query(`INSERT INTO users (user_id, username, email) VALUES (1, 'ada', 'ada@example.org')`)
  away = { log: false, letters: false }
  liked = []
  log = postgresLog({ database, ...common() })
  const failing = <T>(name: 'log' | 'letters', work: () => Promise<T>) =>
    away[name] ? Promise.reject(new Error(`${name} away`)) : work()
  const letters = postgresDeadLetters(database)
  ingest = createIngest({
    ...common(),
    log: { ...log, publish: (events) => failing('log', () => log.publish(events)) },
    outbox: createOutbox({ database, log, bury: async () => {}, ...common() }),
    deadLetters: { ...letters, store: (queue, list) => failing('letters', () => letters.store(queue, list)) },
    reviveMediaJobs: async () => 0,
    deferredHandlers: {
      ...deferredFromMethods({
        'engagement.like': async (input) => {
          if (input.postId === '404') throw problems.notFound('post')
          if (input.postId === '503') throw problems.away('Cassandra')
          liked.push(input)
          return { result: 'added', version: 1 }
        },
        'engagement.editComment': async ({ commentId }) => {
          throw commentId === '1' ? problems.deleted('comment') : problems.notFound('comment')
        },
      }),
      'post.create': createDeferredPosts({ database, publish: (event) => log.publish([event]) }),
    },
  })
  api = createInternalApi({ serviceTokens: ['t'], methods: {}, endpoints: ingest.endpoints, ...common() })
})

async function call<T>(path: string, body: unknown): Promise<T> {
  const answer = await api.request(`/internal/${path}`, {
    method: 'POST',
    headers: { authorization: 'Bearer t' },
    body: JSON.stringify(body),
  })
  expect(answer.status).toBe(200)
  return (await answer.json()) as T
}

async function send(queue: 'events' | 'deferred-writes', bodies: unknown[]): Promise<IngestResponse['results']> {
  const messages = bodies.map((body, n) => ({ id: `m${n}`, attempts: 1, body }))
  return (await call<IngestResponse>('ingest', { queue, messages })).results
}

const changed = (userId: string): TidelineEvent =>
  makeEvent({ type: 'user.changed', key: userId, actor: userId, data: { userId, version: 1 } }, Date.now, Math.random)
const outcomes = (results: IngestResponse['results']) => results.map(({ outcome }) => outcome)
const rows = async (sql: string) => (await pool.query(sql)).rows as Record<string, unknown>[]
const inLog = async () =>
  (await rows('SELECT value FROM log_messages ORDER BY created_at')).map(({ value }) => (value as TidelineEvent).id)

describe('events from the edge queue', () => {
  it('go into the log, and only then are marked in the outbox', async () => {
    const events = [changed('1'), changed('2')]
    await database.query(insertOutbox([...events, changed('3')]))
    away.log = true
    expect(outcomes(await send('events', events))).toEqual(['retry', 'retry'])
    expect(await rows('SELECT 1 FROM outbox WHERE published_at IS NOT NULL')).toEqual([])
    away.log = false
    expect(outcomes(await send('events', events))).toEqual(['done', 'done'])
    expect((await inLog()).toSorted()).toEqual(events.map((event) => event.id).toSorted())
    const marked = await rows('SELECT event_id FROM outbox WHERE published_at IS NOT NULL ORDER BY event_id')
    expect(marked.map((row) => row.event_id)).toEqual(events.map((event) => event.id).toSorted())
  })

  it('are judged one by one: a poison message dies alone, with its reason kept', async () => {
    const good = changed('1')
    const nul = makeEvent(
      {
        type: 'post.created',
        key: '1',
        actor: null,
        data: { postId: '5', userId: '1', version: 1, awaitsMedia: false, hashtags: ['\0'] },
      },
      Date.now,
      Math.random,
    )
    const results = await send('events', [{ type: 'nonsense' }, good, 'text', null, nul])
    expect(outcomes(results)).toEqual(['dead', 'done', 'dead', 'dead', 'dead'])
    expect(await inLog()).toEqual([good.id])
    const letters = await rows('SELECT message_id, reason, body FROM dead_letters ORDER BY message_id')
    expect(letters.map((letter) => letter.message_id)).toEqual(['m0', 'm2', 'm3', 'm4'])
    expect(letters[0]!.reason).toContain('not a message we know')
    expect(JSON.parse(String(letters[3]!.body))).toEqual(nul)
  })

  it('are not called dead before the letter is stored', async () => {
    away.letters = true
    expect(outcomes(await send('events', ['text']))).toEqual(['retry'])
  })
})

describe('deferred writes', () => {
  const like = (postId: string): DeferredWrite => ({
    kind: 'engagement.like',
    input: { postId, authorId: '2', userId: '1', at: 5 },
    traceparent: null,
  })
  const post = (postId: string, more: Partial<DeferredWrite> = {}): DeferredWrite =>
    ({
      kind: 'post.create',
      idempotencyKey: 'key-1',
      requestHash: 'hash-1',
      postId,
      userId: '1',
      caption: 'hello',
      mediaIds: [],
      hashtags: ['sea'],
      acceptedMs: 5,
      traceparent: null,
      ...more,
    }) as DeferredWrite

  it('are applied, tried again or given up, each by itself', async () => {
    const results = await send('deferred-writes', [
      like('7'),
      like('404'),
      like('503'),
      { ...like('7'), input: { postId: 'x' } },
      { ...like('7'), kind: 'engagement.share' },
    ])
    expect(outcomes(results)).toEqual(['done', 'dead', 'retry', 'dead', 'dead'])
    expect(liked).toEqual([{ postId: '7', authorId: '2', userId: '1', at: 5 }])
  })

  it('wait for a comment that may come later, and end with one that was deleted', async () => {
    const edit = (commentId: string) => ({
      kind: 'engagement.editComment',
      input: { commentId, postId: '7', authorId: '2', userId: '1', body: 'hello', at: 5 },
      traceparent: null,
    })
    expect(outcomes(await send('deferred-writes', [edit('1'), edit('2')]))).toEqual(['done', 'retry'])
    expect(await rows('SELECT 1 FROM dead_letters')).toEqual([])
  })

  it('create a post once, however often they come, with its event', async () => {
    for (let round = 0; round < 3; round++) {
      expect(outcomes(await send('deferred-writes', [post('100')]))).toEqual(['done'])
    }
    expect(await rows('SELECT post_id, caption FROM posts')).toEqual([{ post_id: '100', caption: 'hello' }])
    expect(await rows('SELECT post_count FROM users')).toEqual([{ post_count: 1 }])
    expect(await rows('SELECT type FROM outbox')).toEqual([{ type: 'post.created' }])
    expect((await inLog()).length).toBe(1)
  })

  it('lead the promised id to the post that stands under the same key already', async () => {
    await send('deferred-writes', [post('100')])
    const results = await send('deferred-writes', [post('200'), post('200')])
    expect(outcomes(results)).toEqual(['done', 'done'])
    expect(await rows('SELECT post_id FROM posts')).toEqual([{ post_id: '100' }])
    expect(await rows('SELECT alias_id, post_id FROM post_aliases')).toEqual([{ alias_id: '200', post_id: '100' }])
  })

  it('find the post of their key even when they come so late that the key is free again', async () => {
    const accepted = Date.now()
    await send('deferred-writes', [post('100', { acceptedMs: accepted })])
    await pool.query(`UPDATE idempotency_keys SET created_at = now() - interval '40 hours'`)
    const late = post('200', { acceptedMs: accepted - 30 * 3_600_000 })
    expect(outcomes(await send('deferred-writes', [late]))).toEqual(['done'])
    expect(await rows('SELECT post_id FROM posts')).toEqual([{ post_id: '100' }])
    expect(await rows('SELECT alias_id, post_id FROM post_aliases')).toEqual([{ alias_id: '200', post_id: '100' }])
  })

  it('keep a post whose promised id is somebody else’s under a new one, and lead the promised id there', async () => {
    await pool.query(`INSERT INTO users (user_id, username, email) VALUES (2, 'bea', 'bea@example.org')`)
    await send('deferred-writes', [post('100', { userId: '2' })])
    for (let round = 0; round < 2; round++) {
      expect(outcomes(await send('deferred-writes', [post('100')]))).toEqual(['done'])
    }
    const posts = await rows('SELECT post_id, user_id FROM posts ORDER BY post_id')
    expect(posts).toEqual([
      { post_id: '100', user_id: '2' },
      { post_id: expect.any(String), user_id: '1' },
    ])
    const alias = { alias_id: '100', post_id: posts[1]!.post_id, user_id: '1' }
    expect(await rows('SELECT alias_id, post_id, user_id FROM post_aliases')).toEqual([alias])
    expect((await inLog()).length).toBe(2)
    const unusable = post('100', { idempotencyKey: 'key-2', mediaIds: ['11'] })
    expect(outcomes(await send('deferred-writes', [unusable]))).toEqual(['dead'])
  })

  it('keep one of two that race under one key', async () => {
    const results = await send('deferred-writes', [post('100'), post('200'), post('300')])
    expect(outcomes(results)).toEqual(['done', 'done', 'done'])
    expect((await rows('SELECT post_id FROM posts')).length).toBe(1)
    expect((await rows('SELECT alias_id FROM post_aliases')).length).toBe(2)
  })

  it('give up what can never be applied, and wait for an upload', async () => {
    await pool.query(`INSERT INTO media (media_id, user_id, key, content_type, bytes, state) VALUES
      (10, 1, 'k', 'image/jpeg', 5, 'awaiting_upload'), (11, 2, 'k', 'image/jpeg', 5, 'uploaded')`)
    await send('deferred-writes', [post('100')])
    const results = await send('deferred-writes', [
      post('200', { requestHash: 'another' }),
      post('300', { idempotencyKey: 'key-2', mediaIds: ['11'] }),
      post('400', { idempotencyKey: 'key-3', mediaIds: ['10'] }),
      post('500', { idempotencyKey: 'key-4', userId: '9' }),
    ])
    expect(outcomes(results)).toEqual(['dead', 'dead', 'retry', 'dead'])
    await pool.query(`UPDATE media SET state = 'uploaded'`)
    expect(
      outcomes(await send('deferred-writes', [post('400', { idempotencyKey: 'key-3', mediaIds: ['10'] })])),
    ).toEqual(['done'])
    expect((await rows('SELECT post_id FROM posts ORDER BY post_id')).map((row) => row.post_id)).toEqual(['100', '400'])
  })
})

describe('dead letters', () => {
  const letter = (id: string, body: unknown, reason = 'retries exhausted') => ({ id, attempts: 100, reason, body })

  it('are kept once, and replayed by command', async () => {
    const event = changed('1')
    const letters = [letter('a', event), letter('b', 'poison', 'not a message we know')]
    for (let round = 0; round < 2; round++) {
      expect(await call('dead-letters', { queue: 'events', letters })).toEqual({ stored: 2 })
    }
    expect((await rows('SELECT 1 FROM dead_letters')).length).toBe(2)
    expect(await call('dead-letters/replay', { queue: 'events' })).toEqual({ replayed: 1, left: 1 })
    expect(await inLog()).toEqual([event.id])
    expect(await call('dead-letters/replay', { queue: 'events' })).toEqual({ replayed: 0, left: 1 })
  })

  it('are counted while they wait', async () => {
    const metrics = createMetrics()
    const look = lettersWaiting(database, metrics)
    const waiting = async () => {
      await look()
      return (await metrics.expose()).body.match(/^tideline_dead_letters.*$/gm)
    }
    const counts = (events: number) => [
      `tideline_dead_letters{queue="events"} ${events}`,
      'tideline_dead_letters{queue="deferred-writes"} 0',
      'tideline_dead_letters{queue="outbox"} 0',
    ]
    expect(await waiting()).toEqual(counts(0))
    await call('dead-letters', {
      queue: 'events',
      letters: [letter('a', changed('1')), letter('b', 'poison', 'a bug')],
    })
    expect(await waiting()).toEqual(counts(2))
    await call('dead-letters/replay', { queue: 'events' })
    expect(await waiting()).toEqual(counts(1))
  })

  it('are replayed by themselves when only an outage killed them', async () => {
    const event = changed('1')
    const letters = [letter('a', event), letter('b', changed('2'), 'a bug')]
    await call('dead-letters', { queue: 'events', letters })
    away.log = true
    expect(await ingest.recover()).toBe(0)
    away.log = false
    expect(await ingest.recover()).toBe(1)
    expect(await ingest.recover()).toBe(0)
    expect(await inLog()).toEqual([event.id])
  })

  it('of the log are replayed by topic', async () => {
    let broken = true
    const seen: string[] = []
    const consumer = log.subscribe({
      group: 'g',
      topics: ['user.changed'],
      async handle(event) {
        if (broken) throw new Unprocessable('no')
        seen.push(event.id)
      },
    })
    const event = changed('1')
    await log.publish([event])
    await expect.poll(() => log.deadLetters('user.changed').then((letters) => letters.length)).toBe(1)
    broken = false
    expect(await call('dead-letters/replay', { topic: 'user.changed', group: 'g' })).toEqual({ replayed: 1, left: 0 })
    await expect.poll(() => seen).toEqual([event.id])
    await consumer.stop()
  })
})
