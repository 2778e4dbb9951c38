/** Lists of a person: posts, followers, followed, mutuals. A private account's are for its followers. */
import { createRoute, type z } from '@hono/zod-openapi'
import type { SQL } from 'drizzle-orm'
import { privateKeysOf } from '#core/feed/index.ts'
import type { Id } from '#core/ids.ts'
import { problems } from '#core/problem.ts'
import { mayLag } from '#drizzle/placement.ts'
import type { PersonRow } from '#drizzle/queries/graph.ts'
import { openTo } from '#drizzle/queries/people.ts'
import { followersOf, followingOf, mutualsOf } from '#drizzle/queries/people-lists.ts'
import { postsOf, type VisiblePostRow } from '#drizzle/queries/posts.ts'
import { NOBODY } from '#drizzle/queries/visibility.ts'
import { type App, type AppContext, requireViewer } from '../context.ts'
import type { LaggingReader } from '../data/replica-reads.ts'
import { notModified, textTag } from '../middleware/conditional.ts'
import { presentPerson } from '../present/people.ts'
import { type PostJson, presentPosts } from '../present/posts.ts'
import type { Services } from '../services.ts'
import { cutPage, positionOf } from './paging.ts'
import {
  conditional,
  idParams,
  ifNoneMatch,
  maybeSignedIn,
  Person,
  Post,
  page,
  pageQuery,
  refusals,
  signedIn,
} from './schemas.ts'

const Posts = page(Post)
const People = page(Person)

const list = <T extends z.ZodType>(schema: T, description: string) => ({
  tags: ['people'],
  security: maybeSignedIn,
  request: { params: idParams, query: pageQuery() },
  parameters: [ifNoneMatch],
  responses: { ...conditional(schema, description), ...refusals(401, 403, 404) },
})

const posts = createRoute({
  ...list(Posts, 'Newest first.'),
  operationId: 'listUserPosts',
  summary: 'List somebody’s posts.',
  description: 'A private account’s are for its followers.',
  method: 'get',
  path: '/v1/users/{id}/posts',
})
const followers = createRoute({
  ...list(People, 'Newest accounts first.'),
  operationId: 'listFollowers',
  summary: 'List who follows somebody.',
  description: 'A private account’s are for its followers.',
  method: 'get',
  path: '/v1/users/{id}/followers',
})
const following = createRoute({
  ...list(People, 'Newest accounts first.'),
  operationId: 'listFollowing',
  summary: 'List whom somebody follows.',
  description: 'A private account’s are for its followers.',
  method: 'get',
  path: '/v1/users/{id}/following',
})
const mutuals = createRoute({
  ...list(People, 'Followers of this person whom you follow.'),
  operationId: 'listMutuals',
  summary: 'List somebody’s followers whom you follow.',
  description: 'A private account’s are for its followers.',
  method: 'get',
  path: '/v1/users/{id}/mutuals',
  security: signedIn,
})

/**
 * Whether the list is the viewer's to see, which the primary says; and whether what is in it may come from a replica.
 * @throws Problem 404 when blocked or gone, 403 when private
 */
async function enter(services: Services, user: Id, viewer: Id | null): Promise<LaggingReader | null> {
  const [lagging] = await Promise.all([
    services.replicas.lagging(services.redis, viewer),
    requireOpen(services, user, viewer),
  ])
  return lagging
}

async function requireOpen({ db }: Services, user: Id, viewer: Id | null): Promise<void> {
  const [row] = await db.query<{ open: boolean }>(openTo(user, viewer ?? NOBODY))
  if (row === undefined) throw problems.notFound('person')
  if (!row.open) throw problems.forbidden('This account is private: only followers see this.')
}

/**
 * The rows of a page of posts. The primary says with each that the viewer may see it, so only an empty page needs to know why
 * it is empty; what a replica says of that may be out of date.
 * @throws Problem 404 when blocked or gone, 403 when private
 */
async function visiblePostsOf(services: Services, user: Id, viewer: Id | null, page: SQL): Promise<VisiblePostRow[]> {
  if (services.replicas.isConfigured) {
    const lagging = await enter(services, user, viewer)
    return services.db.query<VisiblePostRow>(lagging === null ? page : mayLag(page))
  }
  const found = await services.db.query<VisiblePostRow>(page)
  if (found.length === 0) await requireOpen(services, user, viewer)
  return found
}

/** Of what a page's text depends on, which is a twentieth of the text. */
function postsTag(
  { signatures }: Services,
  rows: readonly VisiblePostRow[],
  posts: readonly PostJson[],
  cursor: string | null,
): string {
  const isSigned = rows.some((row) => privateKeysOf(row.media_urls).length > 0)
  const shown = rows.map((row, i) => {
    const post = posts[i]
    return [row.post_id, row.version, row.author_version, post?.likeCount, post?.commentCount, post?.liked]
  })
  return textTag(JSON.stringify([shown, cursor, isSigned ? signatures.expires() : 0]))
}

export function registerPeopleLists(app: App): void {
  app.openapi(posts, async (c) => {
    const user = c.req.valid('param').id
    const { limit, cursor } = c.req.valid('query')
    const viewer = c.get('viewer')?.userId ?? null
    const services = c.get('services')
    const before = positionOf('user-posts', cursor)
    const found = await visiblePostsOf(services, user, viewer, postsOf(user, viewer ?? NOBODY, before, limit + 1))
    const cut = cutPage('user-posts', found, limit, (row) => row.post_id)
    const items = await presentPosts(services, cut.rows, viewer, c.get('trace'))
    const tag = postsTag(services, cut.rows, items, cut.cursor)
    return notModified(c, tag) ?? c.json({ items, cursor: cut.cursor }, 200)
  })

  app.openapi(followers, async (c) => {
    const answer = await people(
      c,
      c.req.valid('param').id,
      { kind: 'followers', listOf: followersOf },
      c.req.valid('query'),
    )
    return notModified(c, textTag(JSON.stringify(answer))) ?? c.json(answer, 200)
  })

  app.openapi(following, async (c) => {
    const answer = await people(
      c,
      c.req.valid('param').id,
      { kind: 'following', listOf: followingOf },
      c.req.valid('query'),
    )
    return notModified(c, textTag(JSON.stringify(answer))) ?? c.json(answer, 200)
  })

  app.openapi(mutuals, async (c) => {
    requireViewer(c)
    const answer = await people(
      c,
      c.req.valid('param').id,
      { kind: 'mutuals', listOf: mutualsOf },
      c.req.valid('query'),
    )
    return notModified(c, textTag(JSON.stringify(answer))) ?? c.json(answer, 200)
  })
}

interface PeopleList {
  /** Names its cursors. */
  kind: string
  listOf(user: Id, viewer: Id, before: Id | null, limit: number): SQL
}

async function people(
  c: AppContext,
  user: Id,
  { kind, listOf }: PeopleList,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
) {
  const services = c.get('services')
  const viewer = c.get('viewer')?.userId ?? null
  const before = positionOf(kind, cursor)
  const lagging = await enter(services, user, viewer)
  const statement = listOf(user, viewer ?? NOBODY, before, limit + 1)
  const rows = await services.db.query<PersonRow>(lagging === null ? statement : mayLag(statement))
  const cut = cutPage(kind, rows, limit, (row) => row.user_id)
  const shown = cut.rows.filter((row) => !lagging?.blocked.has(row.user_id))
  return { items: shown.map((row) => presentPerson(row, services.config.imageBase)), cursor: cut.cursor }
}
