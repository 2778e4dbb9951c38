/** The end of the edge queues on an embedded Postgres, for tests: its log, its dead letters and its engagement fail when they say so. */
import { afterAll, beforeAll, beforeEach, expect } from 'vitest'
import { makeEvent, type TidelineEvent } from '#core/events.ts'
import type { DeferredWrite, IngestResponse } from '#core/origin-api.ts'
import { problems } from '#core/problem.ts'
import type { Database } from '#drizzle/database.ts'
import type { OperableEventLog } from '../../origin/event-log.ts'
import { createInternalApi } from '../../origin/http.ts'
import {
  createDeferredPosts,
  createIngest,
  deferredFromMethods,
  postgresDeadLetters,
} from '../../origin/ingest/index.ts'
import { postgresLog } from '../../origin/log/index.ts'
import { createLogger } from '../../origin/observe/logger.ts'
import { createMetrics } from '../../origin/observe/metrics.ts'
import { createOutbox } from '../../origin/outbox/index.ts'
import { startDatabase, type TestDatabase } from './engines.ts'

const logger = createLogger({ level: 'silent' })
const common = () => ({ clock: Date.now, random: Math.random, logger, metrics: createMetrics() })

interface Away {
  log: boolean
  letters: boolean
}

type Stage = ReturnType<typeof openStage>

/** For the tests of a file: it stands before the first of them, and is empty and whole before each. */
export function useIngestStage(): Stage {
  let postgres: TestDatabase
  const stage = {} as Stage
  beforeAll(async () => {
    postgres = await startDatabase()
  }, 60_000)
  beforeEach(async () => {
    await postgres.pool.query(`TRUNCATE log_messages, log_partitions, log_offsets, log_members, outbox, dead_letters,
      posts, post_aliases, idempotency_keys, media, users`)
    Object.assign(stage, openStage(postgres))
    await stage.rows(`INSERT INTO users (user_id, username, email) VALUES (1, 'ada', 'ada@example.org')`)
  })
  afterAll(async () => {
    await stage.log.close()
    await postgres.close()
  })
  return stage
}

function openStage({ database, pool }: TestDatabase) {
  const away: Away = { log: false, letters: false }
  const liked: unknown[] = []
  const log = postgresLog({ database, ...common() })
  const ingest = openIngest(database, log, away, liked)
  const api = createInternalApi({ serviceTokens: ['t'], methods: {}, endpoints: ingest.endpoints, ...common() })

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

  const rows = async (sql: string): Promise<Record<string, unknown>[]> => (await pool.query(sql)).rows
  const inLog = async () =>
    (await rows('SELECT value FROM log_messages ORDER BY created_at')).map(({ value }) => (value as TidelineEvent).id)
  return { away, liked, log, ingest, call, send, rows, inLog, database }
}

function openIngest(database: Database, log: OperableEventLog, away: Away, liked: unknown[]) {
  const failing = <T>(name: keyof Away, work: () => Promise<T>) =>
    away[name] ? Promise.reject(new Error(`${name} away`)) : work()
  const letters = postgresDeadLetters(database)
  return createIngest({
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
}

export const changed = (userId: string): TidelineEvent =>
  makeEvent({ type: 'user.changed', key: userId, actor: userId, data: { userId, version: 1 } }, Date.now, Math.random)

export const outcomes = (results: IngestResponse['results']) => results.map(({ outcome }) => outcome)

/** A post that was promised. */
export const post = (postId: string, more: Partial<DeferredWrite> = {}): DeferredWrite =>
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
