/** Search: found by the origin's index, shown as Postgres knows it, so that nobody finds what is not for them. */
import { createRoute, z } from '@hono/zod-openapi'
import { type PostViewRow, visiblePosts } from '#drizzle/queries/posts.ts'
import { NOBODY } from '#drizzle/queries/visibility.ts'
import type { App } from '../context.ts'
import { presentPosts } from '../present/posts.ts'
import { peopleOf } from './likes.ts'
import { json, maybeSignedIn, Person, Post, page, pageQuery, refusals, writing } from './schemas.ts'

export const Hashtag = z.object({ tag: z.string(), posts: z.number().int() }).openapi('Hashtag')

const query = (longest: number) => pageQuery().extend({ q: writing().trim().min(1).max(longest) })
const common = { method: 'get' as const, tags: ['search'], security: maybeSignedIn }
const users = createRoute({
  ...common,
  operationId: 'searchUsers',
  summary: 'Search people by name.',
  path: '/v1/search/users',
  request: { query: query(100) },
  responses: { 200: json(page(Person), 'Best match first.'), ...refusals(401) },
})
const hashtags = createRoute({
  ...common,
  operationId: 'searchHashtags',
  summary: 'Search hashtags.',
  description: 'With or without the # in front.',
  path: '/v1/search/hashtags',
  request: { query: query(100) },
  responses: { 200: json(page(Hashtag), 'Best match first.'), ...refusals(401) },
})
const posts = createRoute({
  ...common,
  operationId: 'searchPosts',
  summary: 'Search posts.',
  path: '/v1/search/posts',
  request: { query: query(200) },
  responses: { 200: json(page(Post), 'Best match first.'), ...refusals(401) },
})

export function registerSearch(app: App): void {
  app.openapi(users, async (c) => {
    const { cursor, ...input } = c.req.valid('query')
    const viewer = c.get('viewer')?.userId ?? null
    const { origin } = c.get('services')
    const found = await origin.call('search.users', { ...input, cursor: cursor ?? null }, c.get('trace'))
    const people = await peopleOf(
      c,
      found.items.map((hit) => hit.userId),
      viewer,
    )
    const items = found.items.flatMap((hit) => people.get(hit.userId) ?? [])
    return c.json({ items, cursor: found.cursor }, 200)
  })

  app.openapi(hashtags, async (c) => {
    const { cursor, ...input } = c.req.valid('query')
    const q = input.q.replace(/^[#＃]+(?=.)/u, '')
    const { origin } = c.get('services')
    const found = await origin.call('search.hashtags', { ...input, q, cursor: cursor ?? null }, c.get('trace'))
    return c.json(found, 200)
  })

  app.openapi(posts, async (c) => {
    const { cursor, ...input } = c.req.valid('query')
    const viewer = c.get('viewer')?.userId ?? null
    const services = c.get('services')
    const found = await services.origin.call('search.posts', { ...input, cursor: cursor ?? null }, c.get('trace'))
    const ids = found.items.map((hit) => hit.postId)
    const rows = ids.length === 0 ? [] : await services.db.query<PostViewRow>(visiblePosts(ids, viewer ?? NOBODY))
    const byId = new Map((await presentPosts(services, rows, viewer, c.get('trace'))).map((post) => [post.id, post]))
    return c.json({ items: ids.flatMap((id) => byId.get(id) ?? []), cursor: found.cursor }, 200)
  })
}
