/**
 * Pages of comments and replies. Ids of deleted ones stay listed: a reply may come to a comment while that is deleted, and
 * rows taken out would be as many tombstones to read past. So a page is a walk over ids, and ends after a few rounds even
 * if it is not full; its cursor goes on from there.
 */
import { firstIdAt, type Id } from '#core/ids.ts'
import type { CommentPage, StoredComment, TopComment } from '../store.ts'
import { type CommentNeeds, load } from './comment-rows.ts'
import type { Row } from './session.ts'

export const COMMENT_PAGES = Object.freeze({
  /** Reads of ids for a page at most. */
  rounds: 5,
  /** For the question whether any reply stands; where that many rounds do not tell, the answer is yes. */
  replyRounds: 3,
  /** Ids of a round after the first, which asks for no more than the page needs. */
  roundIds: 50,
  /** Comments looked up side by side. */
  parallel: 16,
})

/** Above every id. */
const LAST_ID = String((1n << 63n) - 1n)

interface Portion {
  ids: Id[]
  /** Where the next one begins; null: there are no more. */
  next: Id | null
}

interface Walk<T> {
  limit: number
  from: Id
  rounds: number
  /** Up to `count` ids beyond one. */
  read(last: Id, count: number): Promise<Portion>
  /** Those of their comments that are listed; may stop where `wanted` are found. */
  shown(ids: readonly Id[], wanted: number): Promise<T[]>
}

async function walk<T>({ limit, from, rounds, read, shown }: Walk<T>): Promise<{ found: T[]; next: Id | null }> {
  const found: T[] = []
  let last: Id | null = from
  for (let round = 0; round < rounds && last !== null && found.length < limit; round++) {
    const { ids, next } = await read(last, round === 0 ? limit : Math.max(limit, COMMENT_PAGES.roundIds))
    found.push(...(await shown(ids, limit - found.length)))
    last = next
  }
  return { found, next: last }
}

/** Asks for one more than the page holds: that tells whether there is a next one, and the cursor is the last one shown. */
async function pageOf<T extends StoredComment>(
  limit: number,
  walked: (limit: number) => Promise<{ found: T[]; next: Id | null }>,
): Promise<CommentPage<T>> {
  const { found, next } = await walked(limit + 1)
  const items = found.slice(0, limit)
  return { items, next: found.length > limit ? (items.at(-1)?.commentId ?? null) : next }
}

/** Oldest first, without deleted ones. */
export const listReplies = (needs: CommentNeeds, postId: Id, parentId: Id, limit: number, after: Id | null) =>
  pageOf(limit, (wanted) =>
    walkReplies(needs, { postId, parentId, limit: wanted, from: after ?? '0', rounds: COMMENT_PAGES.rounds }),
  )

interface Replies {
  postId: Id
  parentId: Id
  limit: number
  from: Id
  rounds: number
}

function walkReplies(needs: CommentNeeds, { postId, parentId, ...bounds }: Replies) {
  const query = 'SELECT comment_id FROM replies WHERE parent_id = ? AND comment_id > ? LIMIT ?'
  return walk({
    ...bounds,
    async read(last, count) {
      const ids = idsOf(await needs.session.list(query, [BigInt(parentId), BigInt(last), count]))
      return { ids, next: ids.length < count ? null : (ids.at(-1) ?? null) }
    },
    shown: async (ids) =>
      (await load(needs, postId, ids)).filter((reply) => reply.parentId === parentId && !reply.deleted),
  })
}

/** Newest first, with the deleted ones that a reply stands under. */
export async function topComments(
  needs: CommentNeeds,
  postId: Id,
  limit: number,
  before: Id | null,
): Promise<CommentPage<TopComment>> {
  const query = 'SELECT comment_id FROM threads WHERE post_id = ? AND bucket = ? AND comment_id < ? LIMIT ?'
  const buckets = (await needs.buckets.of(postId, 'comments')).map((one) => ({ ...one, first: firstIdAt(one.opensAt) }))
  const read = async (last: Id, count: number): Promise<Portion> => {
    const at = buckets.findLastIndex(({ first }) => BigInt(first) < BigInt(last))
    const one = buckets[at]
    if (one === undefined) return { ids: [], next: null }
    const ids = idsOf(await needs.session.list(query, [BigInt(postId), one.bucket, BigInt(last), count]))
    if (ids.length === count) return { ids, next: ids.at(-1) ?? null }
    // The bucket is through; the next round reads the one before.
    return { ids, next: at === 0 ? null : one.first }
  }
  const shown = async (ids: readonly Id[], wanted: number) => {
    const tops = (await load(needs, postId, ids)).filter(({ parentId }) => parentId === null)
    const found = await withReplies(needs, enough(tops, wanted))
    return found.filter((top) => !top.deleted || top.hasReplies)
  }
  return pageOf(limit, (wanted) =>
    walk({ limit: wanted, from: before ?? LAST_ID, rounds: COMMENT_PAGES.rounds, read, shown }),
  )
}

/** Of the first as many as hold `wanted` that stand: the rest is not needed, whatever the deleted ones turn out to be. */
function enough(tops: readonly StoredComment[], wanted: number): readonly StoredComment[] {
  let standing = 0
  const last = tops.findIndex(({ deleted }) => !deleted && ++standing === wanted)
  return last === -1 ? tops : tops.slice(0, last + 1)
}

async function withReplies(needs: CommentNeeds, tops: readonly StoredComment[]): Promise<TopComment[]> {
  const answered: TopComment[] = []
  for (let i = 0; i < tops.length; i += COMMENT_PAGES.parallel) {
    const some = tops.slice(i, i + COMMENT_PAGES.parallel)
    answered.push(
      ...(await Promise.all(some.map(async (top) => ({ ...top, hasReplies: await hasReplies(needs, top) })))),
    )
  }
  return answered
}

async function hasReplies(needs: CommentNeeds, { postId, commentId }: StoredComment): Promise<boolean> {
  const bounds = { limit: 1, from: '0', rounds: COMMENT_PAGES.replyRounds }
  const { found, next } = await walkReplies(needs, { postId, parentId: commentId, ...bounds })
  return found.length > 0 || next !== null
}

const idsOf = (rows: readonly Row[]): Id[] => rows.map((row) => String(row.comment_id))
