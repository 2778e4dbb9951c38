/**
 * Opaque cursors: base64url of a short JSON array whose first member names its kind, so that a cursor of one list is
 * refused by another. They carry positions, never rights: every page is checked again for its reader.
 */
import { z } from 'zod'
import { parseId } from './ids.ts'
import { problems } from './problem.ts'

/** Packs a position. `kind` names the list, for example "feed" or "comments". */
export function encodeCursor(kind: string, position: readonly unknown[]): string {
  return btoa(latin1(JSON.stringify([kind, ...position])))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '')
}

/** The text's UTF-8 bytes as characters, which is what btoa takes; plain ASCII, as positions mostly are, is that already. */
function latin1(text: string): string {
  if (!/[^ -~]/.test(text)) return text
  let binary = ''
  for (const byte of new TextEncoder().encode(text)) binary += String.fromCharCode(byte)
  return binary
}

/** What every list answers to a cursor that it has not given. */
export const badCursor = () =>
  problems.badRequest('This cursor is not one that this list has given.', [
    { pointer: 'cursor', detail: 'Leave it out to start from the first page.' },
  ])

/**
 * Unpacks a client's cursor and checks its shape.
 * @throws Problem 400 when it is not a cursor of this kind
 */
export function decodeCursor<T extends readonly unknown[]>(kind: string, cursor: string, shape: z.ZodType<T>): T {
  let parts: unknown
  try {
    const binary = atob(cursor.replaceAll('-', '+').replaceAll('_', '/'))
    parts = JSON.parse(new TextDecoder().decode(Uint8Array.from(binary, (c) => c.charCodeAt(0))))
  } catch {
    throw badCursor()
  }
  if (!Array.isArray(parts) || parts[0] !== kind) throw badCursor()
  const parsed = shape.safeParse(parts.slice(1))
  if (!parsed.success) throw badCursor()
  return parsed.data
}

/** The position of a list that runs newest first by id: everything below it comes next. */
export const beforeId = z.tuple([z.string().refine((id) => parseId(id) !== null)]).readonly()
