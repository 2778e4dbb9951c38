/**
 * The skeleton: which posts may be in a page, and down to where that is all of them.
 *
 * A merged page never goes below the newest floor of any of its sources (docs/correctness.md, rule 6): above the bottom
 * every followed post is here; below it the feed goes on from the next read.
 */
import { IdSet } from '../id-set.ts'
import { compareIds, firstIdAt, type Id } from '../ids.ts'
import type { AuthorList, FollowedPosts, TimelineRead } from '../timeline/index.ts'
import type { Candidate } from './types.ts'

export interface Skeleton {
  /** Newest first. */
  candidates: Candidate[]
  /** Every followed post with id ≥ bottom is among the candidates; '0' when the feed ends here. */
  bottom: Id
}

/** A source of followed posts that is whole down to `bottom`. */
interface Source {
  /** Newest first. */
  ids: readonly Id[]
  bottom: Id
  reason: 'follow' | 'celebrity'
}

/** The lowest id from which a list with this floor is whole. */
const bottomOf = (floor: number): Id => (floor <= 0 ? '0' : firstIdAt(floor))

function timelineSource(read: TimelineRead): Source {
  const last = read.ids.at(-1)
  const whole = read.reachedFloor || last === undefined
  return { ids: read.ids, bottom: whole ? bottomOf(read.floor ?? 0) : last, reason: 'follow' }
}

const authorSource = (list: AuthorList): Source => ({
  ids: list.ids,
  bottom: bottomOf(list.floor),
  reason: 'celebrity',
})

/**
 * Merges a warm timeline with the lists of the celebrities its reader follows.
 * @param below only ids under this one (exclusive): the pages after the first; null for the first
 * @param size at most this many candidates, the newest
 */
export function mergeFollowed(
  timeline: TimelineRead,
  celebrities: readonly AuthorList[],
  size: number,
  below: Id | null = null,
): Skeleton {
  return mergeSources([timelineSource(timeline), ...celebrities.map(authorSource)], size, below)
}

/** What was pulled from Postgres, newest first: every followed author in one list, whole unless it was cut. */
export function pulledSkeleton(posts: FollowedPosts, size: number): Skeleton {
  const ids = posts.entries.map((entry) => entry.id)
  const bottom = posts.complete ? '0' : (ids.at(-1) ?? '0')
  return mergeSources([{ ids, bottom, reason: 'follow' }], size, null)
}

function mergeSources(sources: readonly Source[], size: number, below: Id | null): Skeleton {
  let bottom: Id = '0'
  for (const source of sources) if (compareIds(source.bottom, bottom) > 0) bottom = source.bottom
  const heads = sources.map((source) => ({ ...source, at: firstBelow(source.ids, below) })).sort(newerHead)
  const candidates: Candidate[] = []
  let last: Id | null = null
  for (;;) {
    const head = heads[0]
    const id = head?.ids[head.at]
    if (head === undefined || id === undefined || compareIds(id, bottom) < 0) return { candidates, bottom }
    // In *both*, a celebrity's post comes pushed and pulled: one after the other.
    if (last !== id) {
      if (last !== null && candidates.length === size) return { candidates, bottom: last }
      candidates.push(candidate(id, head.reason))
      last = id
    }
    head.at++
    sinkFirst(heads)
  }
}

/** A source and how far it has been read. */
interface Head extends Source {
  at: number
}

const firstBelow = (ids: readonly Id[], below: Id | null): number => {
  const at = below === null ? 0 : ids.findIndex((id) => compareIds(id, below) < 0)
  return at === -1 ? ids.length : at
}

/** The source whose next post is newer first; those that are over last. */
function newerHead(a: Head, b: Head): number {
  const [idOfA, idOfB] = [a.ids[a.at], b.ids[b.at]]
  if (idOfA === undefined || idOfB === undefined) return Number(idOfA === undefined) - Number(idOfB === undefined)
  return compareIds(idOfB, idOfA)
}

/** The first has moved on: it goes behind those whose next post is newer. Few are: neighbours in time are few sources. */
function sinkFirst(heads: Head[]): void {
  const first = heads[0]
  let at = 0
  for (
    let next = heads[1];
    first !== undefined && next !== undefined && newerHead(first, next) > 0;
    next = heads[at + 1]
  ) {
    heads[at++] = next
    heads[at] = first
  }
}

const candidate = (id: Id, reason: Candidate['reason']): Candidate => ({ id, reason, relevance: 0 })

/** Whether a post is among candidates that are newest first. */
export function isAmong(candidates: readonly Candidate[], id: Id): boolean {
  let [low, high] = [0, candidates.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    const order = compareIds(candidates[middle]?.id ?? '0', id)
    if (order === 0) return true
    if (order > 0) low = middle + 1
    else high = middle
  }
  return false
}

/** Adds candidates from other sources, unless the post is there already for a better reason. They are few: followed ones are looked up. */
export function withCandidates({ candidates }: Skeleton, others: readonly Candidate[]): Candidate[] {
  const all = [...candidates]
  const added = new IdSet(others.length)
  for (const other of others) {
    if (isAmong(candidates, other.id) || !added.add(other.id)) continue
    all.push(other)
  }
  return all
}
