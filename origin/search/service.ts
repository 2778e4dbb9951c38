/** Pages of search results: first what matches, as the engine orders it; then, where that is little, what is misspelt, as query.ts does. */
import { z } from 'zod'
import { decodeCursor, encodeCursor } from '#core/cursor.ts'
import { type Id, parseId } from '#core/ids.ts'
import {
  compareHits,
  compareTags,
  type Hit,
  misspeltPeople,
  misspeltPosts,
  misspeltTags,
  type TagHit,
} from './misspelt.ts'
import { parseQuery, type SearchQuery, TIER } from './query.ts'
import type { Hashtag, SearchStore } from './store.ts'

interface PageRequest {
  q: string
  limit: number
  cursor: string | null
}

interface Page<T> {
  items: T[]
  cursor: string | null
}

/** Cursors come back from clients: what no engine could compare is no position. */
const id = z.string().refine((text) => parseId(text) !== null)
const posts = z.number().int().min(0).max(2_147_483_647)
const hitPosition = z.tuple([z.number().int(), z.number().int(), id]).readonly()
const tagPosition = z.tuple([z.number().int(), z.number().int(), posts, z.string().max(200)]).readonly()

export function searchService(store: SearchStore) {
  return {
    async users({ q, limit, cursor }: PageRequest): Promise<Page<{ userId: Id }>> {
      const query = parseQuery(q)
      if (query.text === '') return { items: [], cursor: null }
      const after = readPosition('people', cursor)
      const hits = isMisspelt(after) ? [] : (await store.people(query, after, limit + 1)).map(exactly)
      const matching = (most: number) => store.people(query, null, most)
      if (hits.length <= limit && (await isLittle(hits, after, matching))) {
        hits.push(...behind(await misspeltPeople(store, query), after))
      }
      return pageOf('people', hits, limit, (hit) => ({ userId: hit.id }))
    },

    /** Misspelt posts are shown only when nothing else is found: behind good hits they would be noise. */
    async posts({ q, limit, cursor }: PageRequest): Promise<Page<{ postId: Id }>> {
      const query = parseQuery(q)
      const after = readPosition('posts', cursor)
      const hits = isMisspelt(after) ? [] : (await store.posts(query, after, limit + 1)).map(exactly)
      const isNothingFound = hits.length === 0 && (after === null || isMisspelt(after))
      if (isNothingFound) hits.push(...behind(await misspeltPosts(store, query), after))
      return pageOf('posts', hits, limit, (hit) => ({ postId: hit.id }))
    },

    /** What is somebody's name is spelt right: then nothing is offered in its place. */
    async hashtags({ q, limit, cursor }: PageRequest): Promise<Page<Hashtag>> {
      const query = parseQuery(q)
      if (query.text === '') return { items: [], cursor: null }
      const after = readTagPosition(cursor)
      const hits: TagHit[] = isMisspelt(after)
        ? []
        : (await store.hashtags(query, after, limit + 1)).map((hit) => ({ ...hit, edits: 0 }))
      const matching = (most: number) => store.hashtags(query, null, most)
      if (hits.length <= limit && (await isLittle(hits, after, matching)) && !(await isName(store, query))) {
        const misspelt = await misspeltTags(store, query)
        hits.push(...misspelt.filter((hit) => !isMisspelt(after) || compareTags(hit, after) > 0))
      }
      const items = hits.slice(0, limit)
      const last = items.at(-1)
      const isMore = hits.length > limit && last !== undefined
      return {
        items: items.map(({ tag, posts }) => ({ tag, posts })),
        cursor: isMore ? encodeCursor('hashtags', [last.tier, last.edits, last.posts, last.tag]) : null,
      }
    },
  }
}

export type SearchService = ReturnType<typeof searchService>

const exactly = ({ tier, id }: { tier: number; id: Id }): Hit => ({ tier, id, edits: 0 })

const isMisspelt = <T extends { tier: number }>(after: T | null): after is T => after?.tier === TIER.misspelt

/** Behind so many that match, what is misspelt would be noise. */
const ENOUGH = 5

/**
 * Whether few match in all, so that what is misspelt may follow.
 * @param hits those that match and come behind `after`
 * @param matching the first of all that match
 */
async function isLittle(
  hits: readonly unknown[],
  after: { tier: number } | null,
  matching: (most: number) => Promise<readonly unknown[]>,
): Promise<boolean> {
  if (isMisspelt(after)) return true
  if (after === null || hits.length >= ENOUGH) return hits.length < ENOUGH
  return (await matching(ENOUGH)).length < ENOUGH
}

const isName = async (store: SearchStore, query: SearchQuery): Promise<boolean> =>
  (await store.people(query, null, 1)).length > 0

const behind = (hits: Hit[], after: Hit | null) =>
  hits.filter((hit) => !isMisspelt(after) || compareHits(hit, after) > 0)

function readPosition(kind: string, cursor: string | null): Hit | null {
  if (cursor === null) return null
  const [tier, edits, id] = decodeCursor(kind, cursor, hitPosition)
  return { tier, edits, id }
}

function readTagPosition(cursor: string | null): TagHit | null {
  if (cursor === null) return null
  const [tier, edits, posts, tag] = decodeCursor('hashtags', cursor, tagPosition)
  return { tier, edits, posts, tag }
}

function pageOf<T>(kind: string, hits: readonly Hit[], limit: number, present: (hit: Hit) => T): Page<T> {
  const items = hits.slice(0, limit)
  const last = items.at(-1)
  const isMore = hits.length > limit && last !== undefined
  return { items: items.map(present), cursor: isMore ? encodeCursor(kind, [last.tier, last.edits, last.id]) : null }
}
