/**
 * The skeleton: which posts may be in a page, and down to where that is all of them.
 *
 * A merged page never goes below the newest floor of any of its sources (docs/correctness.md, rule 6): above the bottom
 * every followed post is here; below it the feed goes on from the next read.
 */
import { compareIds, firstIdAt, type Id } from '../ids.ts'
import type { AuthorList, Entry, TimelineRead } from '../timeline/index.ts'
import type { Candidate } from './types.ts'

export interface Skeleton {
  /** Newest first. */
  candidates: Candidate[]
  /** Every followed post with id ≥ bottom is among the candidates; '0' when the feed ends here. */
  bottom: Id
}

/** A source of followed posts that is whole down to `bottom`. */
interface Source {
  entries: readonly Entry[]
  bottom: Id
  reason: 'follow' | 'celebrity'
}

/** The lowest id from which a list with this floor is whole. */
const bottomOf = (floor: number): Id => (floor <= 0 ? '0' : firstIdAt(floor))

function timelineSource(read: TimelineRead): Source {
  const last = read.entries.at(-1)
  const whole = read.reachedFloor || last === undefined
  return { entries: read.entries, bottom: whole ? bottomOf(read.floor ?? 0) : last.id, reason: 'follow' }
}

const authorSource = (list: AuthorList): Source => ({
  entries: list.entries,
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
export function pulledSkeleton(posts: { entries: readonly Entry[]; complete: boolean }, size: number): Skeleton {
  const last = posts.entries.at(-1)
  const bottom = posts.complete || last === undefined ? '0' : last.id
  return mergeSources([{ entries: posts.entries, bottom, reason: 'follow' }], size, null)
}

function mergeSources(sources: readonly Source[], size: number, below: Id | null): Skeleton {
  let bottom: Id = '0'
  for (const source of sources) if (compareIds(source.bottom, bottom) > 0) bottom = source.bottom
  const heads = sources.map((source) => ({ ...source, at: firstBelow(source.entries, below) })).sort(newerHead)
  const candidates: Candidate[] = []
  let last: Id | null = null
  for (;;) {
    const head = heads[0]
    const id = head?.entries[head.at]?.id
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

const firstBelow = (entries: readonly Entry[], below: Id | null): number => {
  const at = below === null ? 0 : entries.findIndex(({ id }) => compareIds(id, below) < 0)
  return at === -1 ? entries.length : at
}

/** The source whose next post is newer first; those that are over last. */
function newerHead(a: Head, b: Head): number {
  const [idOfA, idOfB] = [a.entries[a.at]?.id, b.entries[b.at]?.id]
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

/** Drops later repetitions: in *both*, a celebrity's post comes pushed and pulled. */
function distinct(candidates: readonly Candidate[]): Candidate[] {
  const ids = new Set<Id>()
  return candidates.filter(({ id }) => !ids.has(id) && ids.add(id))
}

/** Adds candidates from other sources, unless the post is there already for a better reason. */
export function withCandidates(skeleton: Skeleton, others: readonly Candidate[]): Candidate[] {
  return distinct([...skeleton.candidates, ...others])
}
