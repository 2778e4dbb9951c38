import type { Id } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import * as queries from '#drizzle/queries/engagement.ts'
import type { CommentPage, EngagementStore, LikeState, StoredComment } from './store.ts'

export function postgresEngagement(database: Database): EngagementStore {
  const rowOf = async (postId: Id, userId: Id): Promise<LikeState | null> => {
    const [row] = await database.query<queries.LikeRow>(queries.likeOf(postId, userId))
    return row === undefined ? null : readLike(row)
  }
  const readComments = async (statement: ReturnType<typeof queries.replies>) =>
    (await database.query<queries.CommentRow>(statement)).map(readComment)

  return {
    async setLike(like) {
      const [row] = await database.query<queries.LikeRow>(queries.setLike(like))
      if (row !== undefined) return { ...readLike(row), changed: Number(row.liked_at) === like.at }
      const standing = await rowOf(like.postId, like.userId)
      if (standing === null) throw new Error('a like that was as new is gone')
      return { ...standing, changed: false }
    },
    likeOf: rowOf,
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

    // A like is one row here, so there is nothing that could differ.
    reconcileLikes: async () => ({ next: null, checked: 0, repaired: [] }),

    async addComment(comment) {
      const [added] = await readComments(queries.insertComment(comment))
      if (added !== undefined) return { added: true, comment: added }
      const [standing] = await readComments(queries.commentById(comment.postId, comment.commentId))
      if (standing === undefined) throw new Error('a comment whose id was taken is gone')
      return { added: false, comment: standing }
    },
    async comment(postId, commentId) {
      const [comment] = await readComments(queries.commentById(postId, commentId))
      return comment ?? null
    },
    async topComments(postId, limit, before) {
      const rows = await database.query<queries.TopCommentRow>(queries.topComments(postId, limit + 1, before))
      const found = rows.map((row) => ({ ...readComment(row), hasReplies: row.has_replies }))
      return commentPage(found, limit)
    },
    async replies(postId, parentId, limit, after) {
      return commentPage(await readComments(queries.replies(postId, parentId, limit + 1, after)), limit)
    },
    async editComment(edit) {
      const [changed] = await readComments(queries.editComment(edit))
      if (changed !== undefined) return { changed: true, comment: changed }
      const [standing] = await readComments(queries.commentById(edit.postId, edit.commentId))
      return standing === undefined ? null : { changed: false, comment: standing }
    },
    async removeComment(postId, commentId) {
      const rows = await database.query(queries.removeComment(postId, commentId))
      return { changed: rows.length > 0 }
    },

    async share(share) {
      const [added] = await database.query<{ shared_at: string }>(queries.insertShare(share))
      if (added !== undefined) return { added: true, at: share.at }
      const [standing] = await database.query<{ shared_at: string }>(queries.shareOf(share.postId, share.userId))
      return { added: false, at: Number(standing?.shared_at ?? share.at) }
    },

    async count(postId) {
      const [row] = await database.query<{ likes: number; comments: number }>(queries.countEngagement(postId))
      return row ?? { likes: 0, comments: 0 }
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
