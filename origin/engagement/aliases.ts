/** Ids that a comment was promised under and is not kept under (correctness 18 and 19). */
import type { Id } from '#core/ids.ts'
import type { Database } from '#drizzle/database.ts'
import { type CommentAlias, commentOfAlias } from '#drizzle/queries/comment-aliases.ts'

export interface CommentAliases {
  /** The comment that this person was promised under this id; null when it was none, or is kept under it. */
  find(alias: CommentAlias): Promise<Id | null>
}

export function postgresCommentAliases(database: Database): CommentAliases {
  return {
    async find(alias) {
      const [row] = await database.query<{ comment_id: Id }>(commentOfAlias(alias))
      return row?.comment_id ?? null
    },
  }
}
