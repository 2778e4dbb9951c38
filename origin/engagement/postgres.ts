/** Likes, comments and shares in Postgres. */
import type { SQL } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import * as queries from '#drizzle/queries/engagement.ts'
import { createGroupCommit } from '../group-commit.ts'
import { isDataFault } from '../outages.ts'
import type { CommentPage, EngagementStore, LikeOutcome, LikeState, LikeWrite, StoredComment } from './store.ts'

export function postgresEngagement(database: Database): EngagementStore {
  return {
    ...likeWrites(database),
    ...likeReads(database),
    ...comments(database),
    ...shares(database),
    async count(postId) {
      const [row] = await database.query<{ likes: number; comments: number }>(queries.countEngagement(postId))
      return row ?? { likes: 0, comments: 0 }
    },
  }
}

/** Taps of the same moment go in one statement: a commit each would be most of what a like costs. */
function likeWrites(database: Database): Pick<EngagementStore, 'setLike' | 'reconcileLikes'> {
  const taps = createGroupCommit((likes: readonly LikeWrite[]) => setLikes(database, likes), isDataFault)
  return {
    async setLike(like) {
      const [outcome] = await taps.append([like])
      if (outcome === undefined) throw new Error('a tap has an outcome')
      return outcome
    },
    // A like is one row here, so there is nothing that could differ.
    reconcileLikes: async () => ({ next: null, checked: 0, repaired: [] }),
  }
}

const nameOf = (postId: Id, userId: Id) => `${postId}:${userId}`

/** @returns the outcomes of the taps, in their order */
async function setLikes(database: Database, likes: readonly LikeWrite[]): Promise<LikeOutcome[]> {
  const outcomes = new Map<LikeWrite, LikeOutcome>()
  // A statement moves a row once: of several taps by one person each goes after the one before.
  for (let rest = [...likes]; rest.length > 0; rest = rest.filter((like) => !outcomes.has(like))) {
    const turn = new Map(rest.toReversed().map((like) => [nameOf(like.postId, like.userId), like]))
    for (const [like, outcome] of await setEach(database, turn)) outcomes.set(like, outcome)
  }
  return likes.map((like) => outcomes.get(like) as LikeOutcome)
}

/** One tap a person and post. */
async function setEach(database: Database, likes: ReadonlyMap<string, LikeWrite>) {
  const moved = await database.query<queries.LikeRowOf>(queries.setLikes([...likes.values()]))
  const rows = new Map(moved.map((row) => [nameOf(row.post_id, row.user_id), row]))
  const unmoved = [...likes].filter(([name]) => !rows.has(name)).map(([, like]) => like)
  const asNew = unmoved.length === 0 ? [] : await database.query<queries.LikeRowOf>(queries.likesOf(unmoved))
  const standing = new Map(asNew.map((row) => [nameOf(row.post_id, row.user_id), row]))
  return [...likes].map(([name, like]): [LikeWrite, LikeOutcome] => {
    const row = rows.get(name)
    if (row !== undefined) return [like, { ...readLike(row), changed: Number(row.liked_at) === like.at }]
    const newer = standing.get(name)
    if (newer === undefined) throw new Error('a like that was as new is gone')
    return [like, { ...readLike(newer), changed: false }]
  })
}

type LikeReads = Pick<EngagementStore, 'likeOf' | 'likers' | 'likedAmong' | 'likesBy'>

function likeReads(database: Database): LikeReads {
  return {
    async likeOf(postId, userId) {
      const [row] = await database.query<queries.LikeRow>(queries.likeOf(postId, userId))
      return row === undefined ? null : readLike(row)
    },
    async likers(postId, limit, after) {
      const statement = queries.likers(postId, limit, after)
      const rows = await database.query<{ user_id: Id; liked_at: string }>(statement)
      return rows.map((row) => ({ userId: row.user_id, at: Number(row.liked_at) }))
    },
    async likedAmong(userId, postIds) {
      const rows = await database.query<{ post_id: Id }>(queries.likedAmong(userId, postIds))
      return rows.map((row) => row.post_id)
    },
    async likesBy(userId, limit) {
      const rows = await database.query<{ post_id: Id; liked_at: string }>(queries.likesBy(userId, limit))
      return rows.map((row) => ({ postId: row.post_id, at: Number(row.liked_at) }))
    },
  }
}

type Comments =
  | 'addComment'
  | 'comment'
  | 'topComments'
  | 'replies'
  | 'editComment'
  | 'removeComment'
  | 'forestallComment'

function comments(database: Database): Pick<EngagementStore, Comments> {
  const read = async (statement: SQL) => (await database.query<queries.CommentRow>(statement)).map(readComment)

  /** @param statement answers nothing where the id is taken */
  async function insert(statement: SQL, { postId, commentId }: Pick<StoredComment, 'postId' | 'commentId'>) {
    const [added] = await read(statement)
    if (added !== undefined) return { added: true, comment: added }
    const [standing] = await read(queries.commentById(postId, commentId))
    if (standing === undefined) throw new Error('a comment whose id was taken is gone')
    return { added: false, comment: standing }
  }

  return {
    addComment: (comment) => insert(queries.insertComment(comment), comment),
    forestallComment: async (comment) => (await insert(queries.insertTombstone(comment), comment)).comment,
    async comment(postId, commentId) {
      const [comment] = await read(queries.commentById(postId, commentId))
      return comment ?? null
    },
    async topComments(postId, limit, before) {
      const rows = await database.query<queries.TopCommentRow>(queries.topComments(postId, limit + 1, before))
      const found = rows.map((row) => ({ ...readComment(row), hasReplies: row.has_replies }))
      return commentPage(found, limit)
    },
    async replies(postId, parentId, limit, after) {
      return commentPage(await read(queries.replies(postId, parentId, limit + 1, after)), limit)
    },
    async editComment(edit) {
      const [changed] = await read(queries.editComment(edit))
      if (changed !== undefined) return { changed: true, comment: changed }
      const [standing] = await read(queries.commentById(edit.postId, edit.commentId))
      return standing === undefined ? null : { changed: false, comment: standing }
    },
    async removeComment(postId, commentId) {
      const rows = await database.query(queries.removeComment(postId, commentId))
      return { changed: rows.length > 0 }
    },
  }
}

function shares(database: Database): Pick<EngagementStore, 'share'> {
  return {
    async share(share) {
      const [added] = await database.query<{ shared_at: string }>(queries.insertShare(share))
      if (added !== undefined) return { added: true, at: share.at }
      const [standing] = await database.query<{ shared_at: string }>(queries.shareOf(share.postId, share.userId))
      return { added: false, at: Number(standing?.shared_at ?? share.at) }
    },
  }
}

/** A page from one row more than it holds: only then is there a next one. */
function commentPage<T extends StoredComment>(found: readonly T[], limit: number): CommentPage<T> {
  const items = found.slice(0, limit)
  return { items, next: found.length > limit ? (items.at(-1)?.commentId ?? null) : null }
}

function readLike(row: queries.LikeRow): LikeState {
  return { state: row.state, at: Number(row.liked_at), version: Number(row.version) }
}

function readComment(row: queries.CommentRow): StoredComment {
  return {
    postId: row.post_id,
    commentId: row.comment_id,
    parentId: row.parent_id,
    userId: row.user_id,
    body: row.body,
    version: Number(row.version),
    createdMs: Number(row.created_ms),
    editedMs: row.edited_ms === null ? null : Number(row.edited_ms),
    deleted: row.deleted,
  }
}
