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
import { type BudgetPorts, type FeedSoFar, feedInBudget, keepLast, nothingYet, toldTo } from '../feed/in-budget.ts'
import type { FeedPage, FeedQuery } from '../feed/page.ts'
import type { FeedPorts } from '../feed/ports.ts'
import { feedTag } from '../feed/serve.ts'
import { matches } from '../middleware/conditional.ts'
import { signPosts } from '../present/signatures.ts'
import { cursorParam, etagHeader, ifNoneMatch, json, maybeSignedIn, Post, refusals, signedIn } from './schemas.ts'

const FeedItem = Post.extend({
  reason: z.enum(['own', 'follow', 'celebrity', 'tag', 'recommended', 'trending', 'sponsored', 'seen']),
  why: z.string().openapi({ description: 'Why am I seeing this: a sentence.' }),
}).openapi('FeedItem')

const degradedHeaders = {
  'Tideline-Degraded': {
    description:
      'Present where something was away or too slow, and says how the page differs; several are separated by commas. ' +
      '`redis`: made from the database, perhaps without some likes and without recommendations. `postgres`: posts that only the ' +
      'database knows are left out. `late`: made of what had been read when the time was over; what is missing comes on later ' +
      'pages, and after them in `mode=following`, too. `stale`: the last page that you were served here, minutes old where the stores are ' +
      'slow, and with all else away perhaps with what was blocked or deleted elsewhere since; it is not to be kept.',
    schema: { type: 'string' as const, example: 'redis' },
  },
}

/** As every list has it, so that clients read all alike; there is no parameter to pass it back by. */
const onePage = z.null().openapi({ description: 'There is one page only.' })
const limit = z.coerce.number().int().min(1).max(FEED_POLICY.maxPageSize).default(FEED_POLICY.pageSize)

const feed = createRoute({
  operationId: 'getFeed',
  summary: 'Read a page of your feed.',
  description:
    '`ranked` is what the people you follow have posted, best first, with recommendations; `following` is plain newest first. The pages of a ranked walk show each post at most once.',
  method: 'get',
  path: '/v1/feed',
  tags: ['feed'],
  security: signedIn,
  parameters: [ifNoneMatch],
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
      headers: { ...etagHeader, ...degradedHeaders },
    },
    304: { description: 'The client has this page.', headers: etagHeader },
    ...refusals(401),
  },
})
const trendingPosts = createRoute({
  operationId: 'trendingPosts',
  summary: 'List the posts that trend.',
  description: 'One page, the same for everybody, with or without a token. Private accounts’ posts are not in it.',
  method: 'get',
  path: '/v1/trending/posts',
  tags: ['feed'],
  security: maybeSignedIn,
  request: { query: z.strictObject({ limit }) },
  responses: {
    200: json(
      z.object({ items: z.array(Post), cursor: onePage }),
      'Most engaged first; the newest where nothing trends.',
    ),
    ...refusals(401),
  },
})
const trendingHashtags = createRoute({
  operationId: 'trendingHashtags',
  summary: 'List the hashtags that trend.',
  description: 'One page, the same for everybody, with or without a token.',
  method: 'get',
  path: '/v1/trending/hashtags',
  tags: ['feed'],
  security: maybeSignedIn,
  request: { query: z.strictObject({ limit }) },
  responses: {
    200: json(
      z.object({ items: z.array(z.object({ tag: z.string(), score: z.number() })), cursor: onePage }),
      'Most engaged first.',
    ),
    ...refusals(401),
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
    const ports = feedPorts(c, nothingYet())
    const found = await readTrend(c, 'posts', limit)
    const engaged = found.filter(([, score]) => score > 0)
    const trending = engaged.length > 0 ? engaged : found
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

async function answerFeed(c: AppContext, query: FeedQuery): Promise<Response> {
  const ports = budgetPorts(c)
  const shown = await feedInBudget(query, (made) => feedPorts(c, made), ports)
  if (!('last' in shown)) return answerPage(c, query, shown, ports)
  c.get('services').observations.degraded('stale')
  return c.body(shown.last, 200, {
    'content-type': 'application/json',
    'cache-control': 'private, no-store',
    'tideline-degraded': 'stale',
  })
}

async function answerPage(
  c: AppContext,
  query: FeedQuery,
  { page, degraded }: { page: FeedPage; degraded: ReadonlySet<DegradedBy> },
  ports: BudgetPorts,
): Promise<Response> {
  await ports.sign(page)
  for (const by of degraded) c.get('services').observations.degraded(by)
  const tag = feedTag(page)
  const headers = { etag: tag, 'cache-control': 'private, no-cache', ...degradedHeader(degraded) }
  if (matches(c.req.raw.headers.get('if-none-match'), tag)) return c.body(null, 304, headers)
  const text = keepLast(query, page, degraded, ports)
  return c.body(text(), 200, { 'content-type': 'application/json', ...headers })
}

const degradedHeader = (degraded: ReadonlySet<string>): Record<string, string> =>
  degraded.size === 0 ? {} : { 'tideline-degraded': [...degraded].join(', ') }

function budgetPorts(c: AppContext): BudgetPorts {
  const { config, clock, feedIsolate, lastPages, load, signatures } = c.get('services')
  return {
    clock,
    startedMs: c.get('timings').startedMs,
    budgetMs: config.feedBudgetMs,
    inTime,
    isolate: feedIsolate,
    lastPages,
    load,
    isAway,
    later: (work) => later(c, work),
    sign: (page) =>
      signPosts(
        page.items.map((item) => item.post),
        signatures,
      ),
  }
}

function later(c: AppContext, work: () => Promise<unknown>): void {
  c.executionCtx.waitUntil(work().catch((error: unknown) => logFault(c, 'after-feed', error)))
}

function feedPorts(c: AppContext, made: FeedSoFar): FeedPorts {
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
    ...toldTo(made),
    isAway,
    mayLag: async (reader) => (await replicas.lagging(redis, reader)) !== null,
    count: (layer, hits, misses) => observations.read(layer, hits, misses),
  }
}
