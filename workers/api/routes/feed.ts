/** The feed, and what is trending. The page is joined from ready JSON: no schema is applied to it on the way out. */
import { createRoute, z } from '@hono/zod-openapi'
import type { DegradedBy } from '#core/edge-observations.ts'
import { FANOUT_POLICY } from '#core/fanout-policy.ts'
import { DEFAULT_MODEL, FEED_POLICY, notHidden, notUnfollowed, presentPost } from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'
import { keys, SENTINEL } from '#core/keys.ts'
import { problems } from '#core/problem.ts'
import { RedisAwayError, scored } from '#core/redis.ts'
import type { Hidden } from '#core/timeline/index.ts'
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
      'pages, and after them in `mode=following`, too. `stale`: with all else away, the last page that you were served here, perhaps ' +
      'with what was blocked or deleted elsewhere since; it is not to be kept.',
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

/** The page; where the stores are too slow for anybody to wait, what there is of it; where they are away, the last one. */
async function answerFeed(c: AppContext, query: FeedQuery): Promise<Response> {
  const { config, clock } = c.get('services')
  const made: FeedSoFar = { degraded: new Set(), page: null, hidden: null }
  const fresh = serveFeed(query, feedPorts(c, made))
  try {
    if (query.cursor !== null) return await answerPage(c, query, await fresh, made.degraded)
    let waitMs = config.feedBudgetMs - (clock() - c.get('timings').startedMs)
    for (;;) {
      const page = await inTime(fresh, waitMs)
      if (page !== null) return await answerPage(c, query, page, made.degraded)
      const soFar = made.page?.()
      if (soFar !== undefined && (soFar.isFull || soFar.page.items.length > 0)) {
        goOn(c, query, fresh, made)
        return await answerPage(c, query, soFar.page, new Set<DegradedBy>([...made.degraded, 'late']))
      }
      // Before it is known whom not to show, nothing may be shown.
      waitMs = LOOK_AGAIN_MS
    }
  } catch (error) {
    if (!isAway(error)) throw error
    return (query.cursor === null ? await staleFeed(c, query, made.hidden) : null) ?? throwAway(error)
  }
}

/** Who has waited in vain is shown the first posts that come. */
const LOOK_AGAIN_MS = 20

/** How far the making of a page has come. */
interface FeedSoFar {
  readonly degraded: Set<DegradedBy>
  /** Null until it is known whom to hide and what the candidates are. */
  page: (() => PageSoFar) | null
  hidden: Hidden | null
}

/** What a late answer did without is read on: the next page finds it. Until then it is under way like any other. */
function goOn(c: AppContext, query: FeedQuery, fresh: Promise<FeedPage>, { degraded }: FeedSoFar): void {
  const { load, signatures } = c.get('services')
  load.stay()
  later(c, async () => {
    try {
      const page = await fresh
      await signPosts(postsOf(page), signatures)
      keepLast(c, query, page, degraded)
    } catch {
      // Nobody waits for it.
    } finally {
      load.leave()
    }
  })
}

function throwAway(error: unknown): never {
  throw isAway(error) ? problems.away('The feed', 2, error) : error
}

const postsOf = (page: FeedPage) => page.items.map((item) => item.post)

async function answerPage(
  c: AppContext,
  query: FeedQuery,
  page: FeedPage,
  degraded: ReadonlySet<DegradedBy>,
): Promise<Response> {
  const { signatures, observations } = c.get('services')
  await signPosts(postsOf(page), signatures)
  for (const by of degraded) observations.degraded(by)
  const tag = feedTag(page)
  const headers = { etag: tag, 'cache-control': 'private, no-cache', ...degradedHeader(degraded) }
  if (matches(c.req.raw.headers.get('if-none-match'), tag)) return c.body(null, 304, headers)
  const render = keepLast(c, query, page, degraded)
  return c.body(render(), 200, { 'content-type': 'application/json', ...headers })
}

/** Answers what joins the page's text. */
function keepLast(c: AppContext, query: FeedQuery, page: FeedPage, degraded: ReadonlySet<DegradedBy>): () => string {
  const render = feedRenderer(page)
  if (query.cursor === null && degraded.size === 0) {
    c.get('services').lastPages.keep(query, render, (work) => later(c, work))
  }
  return render
}

/** @param hidden as this request has read it; null where nobody says */
async function staleFeed(c: AppContext, query: FeedQuery, hidden: Hidden | null): Promise<Response | null> {
  const { lastPages, feedIsolate, observations } = c.get('services')
  const viewer = { id: query.user, hidden: hidden ?? NOBODY }
  const stale = await lastPages.find(query, ({ id, reason, author }, madeMs) => {
    const item = { candidate: { reason }, post: { authorId: author.id } }
    const isGone = feedIsolate.hasChangedSince(id, madeMs) || feedIsolate.hasChangedSince(author.id, madeMs)
    return !isGone && notHidden.allows(item, viewer) && notUnfollowed.allows(item, viewer)
  })
  if (stale === null) return null
  observations.degraded('stale')
  return c.body(stale, 200, {
    'content-type': 'application/json',
    'cache-control': 'private, no-store',
    'tideline-degraded': 'stale',
  })
}

const NOBODY: Hidden = Object.freeze({ everywhere: new Set<Id>(), unfollowed: new Set<Id>() })

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
    hides: (hidden) => {
      if (made !== undefined) made.hidden = hidden
    },
    isAway,
    mayLag: async (reader) => (await replicas.lagging(redis, reader)) !== null,
    count: (layer, hits, misses) => observations.read(layer, hits, misses),
  }
}
