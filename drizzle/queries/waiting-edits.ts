/** Edits of comments that were promised with a 202 and have not come (correctness 21). */
import { type SQL, sql } from 'drizzle-orm'
import type { Id } from '#core/ids.ts'
import { inDirectory } from '../placement.ts'

export interface PromisedComment {
  postId: Id
  /** As it was promised: it may be kept under another. */
  commentId: Id
  /** Whom it was promised to: nobody else's edit meets it. */
  userId: Id
}

export interface WaitingEdit extends PromisedComment {
  body: string
  /** Unix milliseconds, as the edge stamped it. */
  at: number
}

export interface WaitingEditRow {
  body: string
  edited_at: string
}

/** Keeps an edit for when its comment comes. Of two the later one stands. */
export function keepEdit({ postId, commentId, userId, body, at }: WaitingEdit): SQL {
  return inDirectory(sql`INSERT INTO waiting_edits AS w (post_id, comment_id, user_id, body, edited_at)
    VALUES (${postId}::bigint, ${commentId}::bigint, ${userId}::bigint, ${body}, ${at}::bigint)
    ON CONFLICT (post_id, comment_id, user_id) DO UPDATE SET body = EXCLUDED.body, edited_at = EXCLUDED.edited_at
      WHERE w.edited_at < EXCLUDED.edited_at`)
}

const named = ({ postId, commentId, userId }: PromisedComment) =>
  sql`post_id = ${postId}::bigint AND comment_id = ${commentId}::bigint AND user_id = ${userId}::bigint`

/** One WaitingEditRow, or none. */
export const editInWaiting = (comment: PromisedComment): SQL =>
  inDirectory(sql`SELECT body, edited_at FROM waiting_edits WHERE ${named(comment)}`, true)

/** Once it is made. A later one stays. */
export const dropEdit = (edit: WaitingEdit): SQL =>
  inDirectory(sql`DELETE FROM waiting_edits WHERE ${named(edit)} AND edited_at <= ${edit.at}::bigint`)
