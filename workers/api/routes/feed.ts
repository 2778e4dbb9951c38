/** The feed, and what is trending. The page is joined from ready JSON: no schema is applied to it on the way out. */
import { createRoute, z } from '@hono/zod-openapi'
import type { DegradedBy } from '#core/edge-observations.ts'
import { FANOUT_POLICY } from '#core/fanout-policy.ts'
import { DEFAULT_MODEL, FEED_POLICY, presentPost } from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'
import { keys, SENTINEL } from '#core/keys.ts'
import { problems } from '#core/problem.ts'
import { RedisAwayError, scored } from '#core/redis.ts'
import type { App, AppContext } from '../context.ts'
import { requireViewer } from '../context.ts'
import { logFault } from '../data/after-commit.ts'
import { inTime } from '../data/in-time.ts'
import { DatabaseAwayError } from '../data/postgres.ts'
import { hydrate } from '../feed/hydrate.ts'
import type { FeedPorts } from '../feed/ports.ts'
import { type FeedPage, type FeedQuery, feedRenderer, feedTag, type PageSoFar, serveFeed } from '../feed/serve.ts'
import { matches } from '../middleware/conditional.ts'
import { signPosts } from '../present/signatures.ts'
import { cursorParam, json, Post, refusals, signedIn } from './schemas.ts'

const FeedItem = Post.extend({
  reason: z.enum(['own', 'follow', 'celebrity', 'tag', 'recommended', 'trending', 'sponsored']),
  why: z.string().openapi({ description: 'Why am I seeing this: a sentence.' }),
}).openapi('FeedItem')

const degradedHeaders = {
  'Tideline-Degraded': {
    description:
      'Present where something was away or too slow, and says how the page differs; several are separated by commas. ' +
      '`redis`: made from the database, perhaps without some likes and without recommendations. `postgres`: posts that only the ' +
      'database knows are left out. `late`: made of what had been read when the time was over; what is missing comes on later ' +
      'pages. `stale`: the last page that you were served here; it is not to be kept.',
    schema: { type: 'string' as const, example: 'redis' },
  },
}

const layersHeaders = {
  'Tideline-Layers': {
    description:
      'Sent to whoever asks with the request header `Tideline-Debug: layers`, as on every answer that is for one person alone: which ' +
      'layer of caches had what. `client`: whether yours was the newest copy; `timeline`: whether there was one; `authors`, `posts`: how ' +
      'many came from where; `calls`: requests to each store. `Server-Timing` says the same, beside the milliseconds of each store.',
    schema: {
      type: 'string' as const,
      example: 'client=miss, timeline=hit, posts=isolate:43 redis:6 postgres:1, calls=redis:2 postgres:1',
    },
  },
}

const limit = z.coerce.number().int().min(1).max(FEED_POLICY.maxPageSize).default(FEED_POLICY.pageSize)

const feed = createRoute({
  operationId: 'getFeed',
  method: 'get',
  path: '/v1/feed',
  tags: ['feed'],
  security: signedIn,
  request: {
    query: z.strictObject({
      limit,
      cursor: cursorParam(8_000),
      mode: z.enum(['ranked', 'following']).default('ranked'),
    }),
  },
  responses: {
    200: {
      ...json(z.object({ items: z.array(FeedItem), cursor: z.string().nullable() }), 'A page of the feed.'),
      headers: { ...degradedHeaders, ...layersHeaders },
    },
    304: { description: 'The client has this page.', headers: layersHeaders },
    ...refusals(401),
  },
})
const trendingPosts = createRoute({
  operationId: 'trendingPosts',
  method: 'get',
  path: '/v1/trending/posts',
  tags: ['feed'],
  request: { query: z.strictObject({ limit }) },
  responses: { 200: json(z.object({ items: z.array(Post), cursor: z.null() }), 'Most engaged first.'), ...refusals() },
})
const trendingHashtags = createRoute({
  operationId: 'trendingHashtags',
  method: 'get',
  path: '/v1/trending/hashtags',
  tags: ['feed'],
  request: { query: z.strictObject({ limit }) },
  responses: {
    200: json(
      z.object({ items: z.array(z.object({ tag: z.string(), score: z.number() })), cursor: z.null() }),
      'Most engaged first.',
    ),
    ...refusals(),
  },
})

export function registerFeed(app: App): void {
  app.openapi(feed, async (c) => {
    const { userId } = requireViewer(c)
    const query = c.req.valid('query')
    // The answer is text made by hand; the route's schema describes it and the end-to-end suite holds it to that.
    return (await answerFeed(c, { ...query, user: userId, cursor: query.cursor ?? null })) as never
  })

  app.openapi(trendingPosts, async (c) => {
    const { limit } = c.req.valid('query')
    const ports = feedPorts(c)
    const trending = await readTrend(c, 'posts', limit)
    const posts = await hydrate(
      trending.map(([id]) => id),
      ports,
    )
    const shown = posts.flatMap((post) => (post === undefined || post.authorPrivate ? [] : [post]))
    await signPosts(shown, c.get('services').signatures)
    const items = shown.map((post) => presentPost(post, false))
    return c.body(`{"items":[${items.join(',')}],"cursor":null}`, 200, {
      'content-type': 'application/json',
      'cache-control': 'public, max-age=60',
    }) as never
  })

  app.openapi(trendingHashtags, async (c) => {
    const trending = await readTrend(c, 'hashtags', c.req.valid('query').limit)
    c.header('cache-control', 'public, max-age=60')
    return c.json({ items: trending.map(([tag, score]) => ({ tag, score })), cursor: null }, 200)
  })
}

async function readTrend(c: AppContext, kind: 'posts' | 'hashtags', limit: number): Promise<[Id, number][]> {
  try {
    const [reply] = await c
      .get('services')
      .redis.pipeline([['ZRANGE', keys.trend(kind), 0, limit, 'REV', 'WITHSCORES']])
    return scored(reply)
      .filter(([member]) => member !== SENTINEL)
      .slice(0, limit)
  } catch (error) {
    if (error instanceof RedisAwayError) throw problems.away('What is trending', 2, error)
    throw error
  }
}

const isAway = (error: unknown) => error instanceof RedisAwayError || error instanceof DatabaseAwayError

/** The page; where the stores are away, or too slow for anybody to wait, the best there is instead. */
async function answerFeed(c: AppContext, query: FeedQuery): Promise<Response> {
  if (query.cursor !== null) return freshFeed(c, query).catch((error: unknown) => throwAway(error))
  const { config, clock, load } = c.get('services')
  const made: FeedSoFar = { degraded: new Set(), page: null }
  const fresh = freshFeed(c, query, made)
  try {
    const answer = await inTime(fresh, config.feedBudgetMs - (clock() - c.get('timings').startedMs))
    if (answer !== null) return answer
  } catch (error) {
    if (!isAway(error)) throw error
    return (await staleFeed(c, query.user)) ?? throwAway(error)
  }
  const instead = await insteadOfLate(c, query, made)
  // Whoever has nothing to be shown waits on.
  if (instead === null) return fresh.catch((error: unknown) => throwAway(error))
  // It goes on: what it reads, the next page finds. Until then it is under way like any other.
  const isCounted = load.enter('feed')
  later(c, async () => {
    await fresh.catch(() => {})
    if (isCounted) load.leave()
  })
  return instead
}

/** How far the making of a first page has come. */
interface FeedSoFar {
  readonly degraded: Set<DegradedBy>
  page: (() => PageSoFar) | null
}

/** A full page of what was read in time, else the last one that this location served, else what there is. */
async function insteadOfLate(c: AppContext, query: FeedQuery, { degraded, page }: FeedSoFar): Promise<Response | null> {
  const soFar = page?.()
  const lateFeed = (shown: FeedPage) => answerPage(c, query, shown, new Set<DegradedBy>([...degraded, 'late']))
  if (soFar?.isFull) return lateFeed(soFar.page)
  const stale = await staleFeed(c, query.user)
  return stale ?? (soFar !== undefined && soFar.page.items.length > 0 ? lateFeed(soFar.page) : null)
}

function throwAway(error: unknown): never {
  throw isAway(error) ? problems.away('The feed', 2, error) : error
}

async function freshFeed(
  c: AppContext,
  query: FeedQuery,
  made: FeedSoFar = { degraded: new Set(), page: null },
): Promise<Response> {
  return answerPage(c, query, await serveFeed(query, feedPorts(c, made)), made.degraded)
}

async function answerPage(
  c: AppContext,
  query: FeedQuery,
  page: FeedPage,
  degraded: ReadonlySet<DegradedBy>,
): Promise<Response> {
  const { lastPages, signatures, observations } = c.get('services')
  const posts = page.items.map((item) => item.post)
  await signPosts(posts, signatures)
  for (const by of degraded) observations.degraded(by)
  const tag = feedTag(page)
  const headers = { etag: tag, 'cache-control': 'private, no-cache', ...degradedHeader(degraded) }
  if (matches(c.req.raw.headers.get('if-none-match'), tag)) return c.body(null, 304, headers)
  const render = feedRenderer(page)
  if (query.cursor === null && degraded.size === 0) lastPages.keep(query.user, render, (work) => later(c, work))
  return c.body(render(), 200, { 'content-type': 'application/json', ...headers })
}

async function staleFeed(c: AppContext, user: Id): Promise<Response | null> {
  const { lastPages, observations } = c.get('services')
  const stale = await lastPages.find(user)
  if (stale === null) return null
  observations.degraded('stale')
  return c.body(stale, 200, {
    'content-type': 'application/json',
    'cache-control': 'private, no-store',
    'tideline-degraded': 'stale',
  })
}

const degradedHeader = (degraded: ReadonlySet<string>): Record<string, string> =>
  degraded.size === 0 ? {} : { 'tideline-degraded': [...degraded].join(', ') }

function later(c: AppContext, work: () => Promise<unknown>): void {
  c.executionCtx.waitUntil(work().catch((error: unknown) => logFault(c, 'after-feed', error)))
}

function feedPorts(c: AppContext, made?: FeedSoFar): FeedPorts {
  const { redis, db, replicas, clock, random, feedIsolate, observations, config } = c.get('services')
  return {
    redis,
    db,
    clock,
    isolate: feedIsolate,
    policy: FEED_POLICY,
    fanout: FANOUT_POLICY,
    model: DEFAULT_MODEL,
    imageBase: config.imageBase,
    token: () => random().toString(36).slice(2),
    later: (work) => later(c, work),
    degraded: (what) => made?.degraded.add(what),
    soFar: (page) => {
      if (made !== undefined) made.page = page
    },
    isAway,
    mayLag: async (reader) => (await replicas.lagging(redis, reader)) !== null,
    count: (layer, hits, misses) => observations.read(layer, hits, misses),
  }
}
