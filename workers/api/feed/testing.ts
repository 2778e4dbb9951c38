/** For the feed's tests: readers, authors and posts in Postgres, and ports on the real stores whose round trips are counted. */
import { sql } from 'drizzle-orm'
import { createBreaker } from '#core/breaker.ts'
import { FANOUT_POLICY } from '#core/fanout-policy.ts'
import { DEFAULT_MODEL, FEED_POLICY, type FeedMode, type FeedPolicy } from '#core/feed/index.ts'
import { compareIds, ID_EPOCH_MS, type Id, idShard } from '#core/ids.ts'
import { keys, SENTINEL } from '#core/keys.ts'
import { type Command, RedisAwayError, type RedisPort } from '#core/redis.ts'
import type { Database } from '#drizzle/database.ts'
import { idList } from '#drizzle/queries/feed.ts'
import { DatabaseAwayError, neonPostgres } from '../data/postgres.ts'
import { upstashRedis } from '../data/redis.ts'
import { env, person, services } from '../testing.ts'
import { FeedIsolate } from './isolate.ts'
import type { FeedPorts } from './ports.ts'
import { type FeedPage, serveFeed } from './serve.ts'

/** Waits longer than production does: a loaded machine is no outage. */
const PATIENCE_MS = 10_000
const breaker = () => createBreaker({ failures: 1_000, openMs: 1 }, Date.now)
const NOWHERE = 'http://127.0.0.1:9'
const token = env.REDIS_REST_TOKEN
const punctual = { clock: Date.now, lagMs: () => 0 }

export const redis = upstashRedis({ url: env.REDIS_REST_URL, token, timeoutMs: PATIENCE_MS }, breaker(), punctual)
export const db = services.db
export const awayRedis = upstashRedis({ url: NOWHERE, token, timeoutMs: PATIENCE_MS }, breaker(), punctual)
export const awayDb = neonPostgres(
  { httpUrl: `${NOWHERE}/sql`, url: 'postgres://u:p@feed-away.local/db', timeoutMs: PATIENCE_MS },
  breaker(),
)

/** The Redis, with a place of its own for what is trending, which all tests' readers would be shown otherwise. */
export function ownTrendList() {
  const key = `${keys.trend('posts')}:${crypto.randomUUID()}`
  const own = (command: Command) => command.map((part) => (part === keys.trend('posts') ? key : part)) as typeof command
  return {
    redis: { pipeline: (commands) => redis.pipeline(commands.map(own)) } satisfies RedisPort,
    /** @param trending with their scores: 0 for what only fills up */
    async trend(trending: readonly (readonly [Id, number])[]) {
      await redis.pipeline([
        ['DEL', key],
        ['ZADD', key, 0, SENTINEL, ...trending.flatMap(([id, score]) => [score, id])],
      ])
    },
  }
}

export interface Counted extends FeedPorts {
  /** Pipelines sent, in order. */
  pipelines: (readonly Command[])[]
  /** Requests to Postgres. */
  queries: number
  degradedBy: string[]
  /** Does what was left for after the answer. */
  settle(): Promise<void>
}

interface Choices {
  redis?: RedisPort
  db?: Database
  isolate?: FeedIsolate
  policy?: Partial<FeedPolicy>
  clock?: () => number
}

/** Ports on the real stores, counting; a fresh isolate unless one is given. */
export function portsFor(choices: Choices = {}): Counted {
  const [store, base] = [choices.redis ?? redis, choices.db ?? db]
  const after: (() => Promise<unknown>)[] = []
  const counted: Counted = {
    pipelines: [],
    queries: 0,
    degradedBy: [],
    redis: {
      pipeline(commands) {
        counted.pipelines.push(commands)
        return store.pipeline(commands)
      },
    },
    db: {
      query(statement) {
        counted.queries++
        return base.query(statement)
      },
      batch(statements) {
        counted.queries++
        return base.batch(statements)
      },
    },
    clock: choices.clock ?? Date.now,
    isolate: choices.isolate ?? new FeedIsolate(),
    policy: { ...FEED_POLICY, ...choices.policy },
    fanout: FANOUT_POLICY,
    model: DEFAULT_MODEL,
    imageBase: '',
    token: () => crypto.randomUUID(),
    later: (work) => void after.push(work),
    degraded: (what) => void counted.degradedBy.push(what),
    isAway: (error) => error instanceof RedisAwayError || error instanceof DatabaseAwayError,
    soFar: () => {},
    hides: () => {},
    mayLag: async () => false,
    count: () => {},
    async settle() {
      for (const work of after.splice(0)) {
        await work().catch((error: unknown) => {
          if (!counted.isAway(error)) throw error
        })
      }
    },
  }
  return counted
}

/** Postgres, which answers when it is let go. */
export function heldBack(): { db: Database; letGo: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    letGo: () => resolve(),
    db: {
      query: (statement) => promise.then(() => db.query(statement)),
      batch: (statements) => promise.then(() => db.batch(statements)),
    },
  }
}

let sequence = Math.floor(Math.random() * 8_000_000)

/** An id as old as said. Ids of one file differ also within a millisecond. */
export function idAt(ms: number): Id {
  return String((BigInt(Math.floor(ms) - ID_EPOCH_MS) << 23n) | BigInt(sequence++ % 8_000_000))
}

/** The same, of an owner. */
const idOf = (owner: Id, ms: number): Id =>
  String((BigInt(idAt(ms)) & ~0x7fffffn) | BigInt(idShard(owner) << 10) | BigInt(sequence % 1_024))

const HOUR_MS = 3_600_000

/** Posts of an author, newest first: the i-th is i hours old and a little, so that several authors' posts interleave. */
export async function posts(
  author: Id,
  count: number,
  options: { hashtags?: string[]; from?: number } = {},
): Promise<Id[]> {
  const newest = Date.now() - 60_000 - Math.random() * 600_000
  const ids = Array.from({ length: count }, (_, i) => idOf(author, newest - (i + (options.from ?? 0)) * HOUR_MS))
  const tags = `{${(options.hashtags ?? []).join(',')}}`
  await db.query(sql`INSERT INTO posts (post_id, user_id, caption, media_urls, hashtags, like_count, comment_count)
    SELECT id, ${author}::bigint, 'post ' || id, '[]'::jsonb, ${tags}::text[], 3, 1 FROM unnest(${idList(ids)}) AS id`)
  return ids
}

/** Rows of follows, as the edge writes them. */
export async function follows(follower: Id, ...followees: Id[]): Promise<void> {
  await db.query(sql`INSERT INTO follows (follower_id, followee_id)
    SELECT ${follower}::bigint, id FROM unnest(${idList(followees)}) AS id`)
}

/** A reader of two authors with posts each. */
export async function readerOf(each = 60) {
  const [reader, ann, bob] = [await person(), await person(), await person()]
  await follows(reader.id, ann.id, bob.id)
  const all = [...(await posts(ann.id, each)), ...(await posts(bob.id, each))].sort((a, b) => compareIds(b, a))
  return { reader, ann, bob, all }
}

/** Makes an author one that is pulled. */
export async function celebrity(author: Id): Promise<void> {
  await db.query(
    sql`INSERT INTO author_modes (author_id, mode, applied_mode) VALUES (${author}::bigint, 'pull', 'pull')`,
  )
}

export async function hideFrom(user: Id, author: Id, reason: 'b' | 'm' | 'u' = 'm'): Promise<void> {
  await redis.pipeline([['SADD', keys.hidden(user), SENTINEL, `${reason}:${author}`]])
}

export interface Asked {
  limit?: number
  mode?: FeedMode
  cursor?: string | null
}

export const serve = (user: Id, ports: FeedPorts, asked: Asked = {}): Promise<FeedPage> =>
  serveFeed({ user, limit: asked.limit ?? 50, mode: asked.mode ?? 'ranked', cursor: asked.cursor ?? null }, ports)

export const shown = (page: FeedPage): Id[] => page.items.map((item) => item.post.id)
export const reasons = (page: FeedPage): string[] => page.items.map((item) => item.candidate.reason)

/** Reads once and does what is left for after the answer: Redis and the isolate know the reader then. */
export async function warmUp(user: Id, isolate: FeedIsolate): Promise<void> {
  for (let i = 0; i < 2; i++) {
    const ports = portsFor({ isolate })
    await serve(user, ports)
    await ports.settle()
  }
}

/** Walks to the end of a feed; throws when it does not end. */
export async function walk(
  user: Id,
  make: (page: number) => Counted,
  asked: Asked & { between?: (page: number) => Promise<void> } = {},
): Promise<FeedPage[]> {
  const pages: FeedPage[] = []
  let cursor = asked.cursor ?? null
  do {
    const ports = make(pages.length)
    const page: FeedPage = await serve(user, ports, { ...asked, cursor })
    await ports.settle()
    pages.push(page)
    cursor = page.cursor
    await asked.between?.(pages.length)
    if (pages.length > 200) throw new Error('the walk does not end')
  } while (cursor !== null)
  return pages
}
