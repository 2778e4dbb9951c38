/** Keyset pages: newest first by id, one row more than asked for tells whether there is a next page. */
import { badCursor, beforeId, decodeCursor, encodeCursor } from '#core/cursor.ts'
import { type Id, parseId } from '#core/ids.ts'

/** The id below which a page starts. @throws Problem 400 for a cursor that this list has not given */
export function positionOf(kind: string, cursor: string | undefined): Id | null {
  if (cursor === undefined) return null
  const [before] = decodeCursor(kind, cursor, beforeId)
  const id = parseId(before)
  if (id === null) throw badCursor()
  return id
}

/** Cuts `limit + 1` rows into a page. */
export function cutPage<T>(kind: string, rows: readonly T[], limit: number, idOf: (row: T) => Id) {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  const cursor = rows.length > limit && last !== undefined ? encodeCursor(kind, [idOf(last)]) : null
  return { rows: items, cursor }
}
