/** Edits of comments that were promised with a 202 and have not come (correctness 21). */
import type { Database } from '#drizzle/database.ts'
import { keepEdit, type WaitingEdit } from '#drizzle/queries/waiting-edits.ts'

export interface WaitingEdits {
  /** Keeps an edit for whoever brings the comment. Of two the later one stands. */
  keep(edit: WaitingEdit): Promise<void>
}

export function postgresWaitingEdits(database: Database): WaitingEdits {
  return {
    async keep(edit) {
      await database.query(keepEdit(edit))
    },
  }
}
