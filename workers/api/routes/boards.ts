/** Boards: collections of posts that one keeps. */
import { createRoute, z } from '@hono/zod-openapi'
import type { Id } from '#core/ids.ts'
import { problems } from '#core/problem.ts'
import {
  type BoardPostRow,
  type BoardRow,
  boardById,
  boardPosts,
  boardsOf,
  createBoard,
  rememberBoard,
  savePost,
  unsavePost,
} from '#drizzle/queries/boards.ts'
import { NOBODY } from '#drizzle/queries/visibility.ts'
import { type App, type AppContext, requireViewer } from '../context.ts'
import { commitUnderKey } from '../data/commit.ts'
import { keyedRequest } from '../middleware/idempotency.ts'
import { presentPosts } from '../present/posts.ts'
import { cutPage, positionOf } from './paging.ts'
import {
  body,
  empty,
  id,
  idempotencyHeader,
  idParams,
  instant,
  json,
  maybeSignedIn,
  Post,
  page,
  pageQuery,
  refusals,
  signedIn,
  writing,
} from './schemas.ts'

export const NewBoard = z.strictObject({
  name: writing().trim().min(1).max(100),
  isPrivate: z.boolean().default(false),
})
export const Board = z
  .object({ id, userId: id, name: z.string(), isPrivate: z.boolean(), postCount: z.number().int(), createdAt: instant })
  .openapi('Board')
export const BoardWithPosts = Board.extend({ items: z.array(Post), cursor: z.string().nullable() }).openapi(
  'BoardWithPosts',
)

const create = createRoute({
  operationId: 'createBoard',
  summary: 'Make a board.',
  method: 'post',
  path: '/v1/boards',
  tags: ['boards'],
  security: signedIn,
  request: { headers: idempotencyHeader, body: body(NewBoard) },
  responses: { 201: json(Board, 'The board.'), ...refusals(401, 413, 415, 422) },
})
const list = createRoute({
  operationId: 'listBoards',
  summary: 'List somebody’s boards.',
  description: 'Private boards are listed to their owner only.',
  method: 'get',
  path: '/v1/boards',
  tags: ['boards'],
  security: signedIn,
  request: {
    query: pageQuery().extend({ userId: id.optional().openapi({ description: 'Whose; your own by default.' }) }),
  },
  responses: { 200: json(page(Board), 'Newest first.'), ...refusals(401) },
})
const show = createRoute({
  operationId: 'getBoard',
  summary: 'Show a board and a page of its posts.',
  description: 'A private board is shown to its owner only; of the posts, those that you may see.',
  method: 'get',
  path: '/v1/boards/{id}',
  tags: ['boards'],
  security: maybeSignedIn,
  request: { params: idParams, query: pageQuery() },
  responses: { 200: json(BoardWithPosts, 'The board with a page of its posts.'), ...refusals(401, 404) },
})
const postParams = z.strictObject({ id, post: id })
const save = createRoute({
  operationId: 'savePost',
  summary: 'Put a post on one of your boards.',
  method: 'put',
  path: '/v1/boards/{id}/posts/{post}',
  tags: ['boards'],
  security: signedIn,
  request: { params: postParams },
  responses: { 204: empty('It is on the board.'), ...refusals(401, 403, 404) },
})
const unsave = createRoute({
  operationId: 'unsavePost',
  summary: 'Take a post off one of your boards.',
  method: 'delete',
  path: '/v1/boards/{id}/posts/{post}',
  tags: ['boards'],
  security: signedIn,
  request: { params: postParams },
  responses: { 204: empty('It is not on the board.'), ...refusals(401, 403, 404) },
})

const present = (row: BoardRow) => ({
  id: row.board_id,
  userId: row.user_id,
  name: row.name,
  isPrivate: row.is_private,
  postCount: row.posts,
  createdAt: new Date(Number(row.created_ms)).toISOString(),
})

/** The board as stored, now or under this key before. */
async function commit(c: AppContext, userId: Id, board: z.output<typeof NewBoard>): Promise<BoardRow> {
  const outcome = await commitUnderKey<BoardRow, BoardRow>(c, {
    owner: userId,
    request: await keyedRequest(c, userId),
    insert: (boardId) => createBoard({ boardId, userId, ...board }),
    remember: rememberBoard,
  })
  if (outcome === null) throw new Error('a board was neither made nor refused')
  return 'made' in outcome ? outcome.made : outcome.former
}

export function registerBoards(app: App): void {
  app.openapi(create, async (c) => {
    const { userId } = requireViewer(c)
    return c.json(present(await commit(c, userId, c.req.valid('json'))), 201)
  })

  app.openapi(list, async (c) => {
    const viewer = requireViewer(c).userId
    const { limit, cursor, userId } = c.req.valid('query')
    const before = positionOf('boards', cursor)
    const rows = await c.get('services').db.query<BoardRow>(boardsOf(userId ?? viewer, viewer, before, limit + 1))
    const cut = cutPage('boards', rows, limit, (row) => row.board_id)
    return c.json({ items: cut.rows.map(present), cursor: cut.cursor }, 200)
  })

  app.openapi(show, async (c) => {
    const viewer = c.get('viewer')?.userId ?? null
    const { id: boardId } = c.req.valid('param')
    const { limit, cursor } = c.req.valid('query')
    const services = c.get('services')
    const before = positionOf('board-posts', cursor)
    const [boards, posts] = await services.db.batch([
      boardById(boardId, viewer ?? NOBODY),
      boardPosts(boardId, viewer ?? NOBODY, before, limit + 1),
    ])
    const board = boards?.[0] as unknown as BoardRow | undefined
    if (board === undefined) throw problems.notFound('board')
    const cut = cutPage('board-posts', posts as unknown as BoardPostRow[], limit, (row) => row.post_id)
    const items = await presentPosts(services, cut.rows, viewer, c.get('trace'))
    return c.json({ ...present(board), items, cursor: cut.cursor }, 200)
  })

  registerSaves(app)
}

function registerSaves(app: App): void {
  app.openapi(save, async (c) => {
    const { userId } = requireViewer(c)
    const { id: boardId, post } = c.req.valid('param')
    const { db } = c.get('services')
    const [saved] = await db.query(savePost(boardId, post, userId))
    if (saved === undefined) {
      const [board] = await db.query<BoardRow>(boardById(boardId, userId))
      if (board !== undefined && board.user_id !== userId)
        throw problems.forbidden('Only its owner may add to a board.')
      throw problems.notFound(board === undefined ? 'board' : 'post')
    }
    return c.body(null, 204)
  })

  app.openapi(unsave, async (c) => {
    const { userId } = requireViewer(c)
    const { id: boardId, post } = c.req.valid('param')
    const { db } = c.get('services')
    const [own] = await db.query(unsavePost(boardId, post, userId))
    if (own === undefined) {
      const [board] = await db.query<BoardRow>(boardById(boardId, userId))
      throw board === undefined
        ? problems.notFound('board')
        : problems.forbidden('Only its owner may take from a board.')
    }
    return c.body(null, 204)
  })
}
