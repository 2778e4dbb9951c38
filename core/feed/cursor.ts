/**
 * The feed's cursor. A ranked walk freezes the order of its window on the first page: the ids not shown yet travel in the
 * cursor (twelve characters each), so a page costs no write and no lookup. When they are used up, the walk goes on newest-first
 * below the window's bottom. Whatever a cursor says is checked again: it carries positions, not rights.
 */
import { z } from 'zod'
import { decodeCursor, encodeCursor } from '../cursor.ts'
import type { Id } from '../ids.ts'
import type { Candidate, Reason } from './types.ts'

export interface FeedPosition {
  /** What remains of the frozen order. */
  rest: Candidate[]
  /** The walk goes on with followed posts below this id; '0' when there are none. */
  bottom: Id
  /** Posts shown from outside the followed that a later page could meet again. */
  shown: Id[]
  /** Items served before, for slots that are counted over pages. */
  served: number
}

const CODES: Reason[] = ['own', 'follow', 'celebrity', 'tag', 'recommended', 'trending', 'sponsored']
const KIND = 'feed'
const MAX_IDS = 400
const id = z.string().regex(/^\d{1,20}$/)
const shape = z
  .tuple([
    z.string().max(MAX_IDS * 12),
    z.string().max(MAX_IDS),
    id,
    z.string().max(MAX_IDS * 12),
    z.number().int().min(0),
  ])
  .readonly()

export function encodeFeedCursor(position: FeedPosition): string {
  const reasons = position.rest.map((candidate) => CODES.indexOf(candidate.reason)).join('')
  const ids = position.rest.map((candidate) => candidate.id)
  return encodeCursor(KIND, [packIds(ids), reasons, position.bottom, packIds(position.shown), position.served])
}

/** @throws Problem 400 when it is not a cursor of the feed */
export function decodeFeedCursor(cursor: string): FeedPosition {
  const [ids, reasons, bottom, shown, served] = decodeCursor(KIND, cursor, shape)
  const rest = unpackIds(ids).map((id, i) => ({ id, reason: CODES[Number(reasons[i])] ?? 'trending', relevance: 0 }))
  return { rest, bottom, shown: unpackIds(shown), served }
}

/** Ids as base-36 text: twelve characters each, and no binary in JSON. */
function packIds(ids: readonly Id[]): string {
  return ids.map((id) => BigInt(id).toString(36)).join('.')
}

function unpackIds(text: string): Id[] {
  if (text === '') return []
  return text
    .split('.')
    .filter((part) => /^[0-9a-z]{1,13}$/.test(part))
    .map((part) => String(fromBase36(part)))
}

/** Two halves of at most seven digits, so that no step passes 2^53. */
function fromBase36(text: string): bigint {
  const cut = Math.max(0, text.length - 7)
  const high = cut === 0 ? 0 : Number.parseInt(text.slice(0, cut), 36)
  return BigInt(high) * 36n ** 7n + BigInt(Number.parseInt(text.slice(cut), 36))
}
