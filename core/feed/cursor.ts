/**
 * The feed's cursor. A ranked walk freezes the order of its window on the first page: the ids not shown yet travel in the
 * cursor (twelve characters each), so a page costs no write and no lookup. When they are used up, the walk goes on newest-first
 * below the window's bottom, and after the last followed post in a second frozen order, of posts from outside. Whatever a cursor
 * says is checked again: it carries positions, not rights.
 */
import { z } from 'zod'
import { badCursor, decodeCursor, encodeCursor } from '../cursor.ts'
import { type Id, parseId } from '../ids.ts'
import type { Candidate, Reason } from './types.ts'

export type FeedMode = 'ranked' | 'following'

export interface FeedPosition {
  /** A walk stays what it began as: a frozen order would be no newest-first, and the other way round. */
  mode: FeedMode
  /** What remains of the frozen order. */
  rest: Candidate[]
  /** The walk goes on with followed posts below this id; '0' when there are none. */
  bottom: Id
  /** Posts shown from outside the followed that a later page could meet again. */
  shown: Id[]
  /** The followed posts are used up, and `rest` is what remains from outside of them. */
  isBeyond: boolean
  /** Items served before, for slots that are counted over pages. */
  served: number
}

const CODES: Reason[] = ['own', 'follow', 'celebrity', 'tag', 'recommended', 'trending', 'sponsored', 'seen']
const KINDS: Record<FeedMode, string> = { ranked: 'feed', following: 'feed:following' }
const MAX_IDS = 400
const id = z.string().refine((text) => parseId(text) !== null)
const shape = z
  .tuple([
    z.string().max(MAX_IDS * 12),
    z.string().max(MAX_IDS),
    id,
    z.string().max(MAX_IDS * 12),
    z.number().int().min(0),
    // Missing in cursors that were given before there was such a part.
    z.boolean().optional(),
  ])
  .readonly()

export function encodeFeedCursor(position: FeedPosition): string {
  const reasons = position.rest.map((candidate) => CODES.indexOf(candidate.reason)).join('')
  const ids = position.rest.map((candidate) => candidate.id)
  return encodeCursor(KINDS[position.mode], [
    packIds(ids),
    reasons,
    position.bottom,
    packIds(position.shown),
    position.served,
    position.isBeyond,
  ])
}

/** @throws Problem 400 when it is not a cursor of the feed in this mode */
export function decodeFeedCursor(cursor: string, mode: FeedMode): FeedPosition {
  const [packed, reasons, bottom, packedShown, served, isBeyond = false] = decodeCursor(KINDS[mode], cursor, shape)
  const ids = unpackIds(packed)
  const shown = unpackIds(packedShown)
  if (ids === null || shown === null || ids.length !== reasons.length) {
    throw badCursor()
  }
  const rest = ids.map((id, i) => ({ id, reason: CODES[Number(reasons[i])] ?? 'trending', relevance: 0 }))
  return { mode, rest, bottom, shown, served, isBeyond }
}

/** Ids as base-36 text: twelve characters each, and no binary in JSON. */
function packIds(ids: readonly Id[]): string {
  return ids.map((id) => BigInt(id).toString(36)).join('.')
}

/** Null when one of them is no id. */
function unpackIds(text: string): Id[] | null {
  if (text === '') return []
  const parts = text.split('.')
  if (!parts.every((part) => /^[0-9a-z]{1,13}$/.test(part))) return null
  const ids = parts.map((part) => parseId(String(fromBase36(part))))
  return ids.every((id) => id !== null) ? ids : null
}

/** Two halves of at most seven digits, so that no step passes 2^53. */
function fromBase36(text: string): bigint {
  const cut = Math.max(0, text.length - 7)
  const high = cut === 0 ? 0 : Number.parseInt(text.slice(0, cut), 36)
  return BigInt(high) * 36n ** 7n + BigInt(Number.parseInt(text.slice(cut), 36))
}
