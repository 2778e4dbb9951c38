/**
 * How many posts carry a hashtag. A counter that moves up and down would drift with every repetition and crash, so a tag's
 * number is always counted, never moved: a writer marks the tags of a post before it writes the post, and what is marked is
 * counted soon after, and once more when every write that was under way then must have ended.
 */
import type { Client } from '@elastic/elasticsearch'
import type { Clock, Random } from '#core/ids.ts'
import { fold } from '../text.ts'
import { type Operation, sendBulk } from './bulk.ts'
import { asking, OPTIONS } from './connection.ts'
import type { Indices } from './indices.ts'
import type { Generation } from './names.ts'

export interface HashtagCounts {
  /** Answers the tags that could not be marked, with why. */
  mark(tags: ReadonlySet<string>, generation: Generation): Promise<Map<string, Error>>
  /** Counts tags that are due. Answers whether there may be more. */
  countDue(generation: Generation): Promise<boolean>
  /** Counts all tags that have been marked lately, due or not. */
  countAll(generation: Generation): Promise<void>
}

/** From the mark to the first count: writes are mostly done by then. */
const FIRST_MS = 1_000
/** From the mark to the last count: longer than a write can take with its retries, four times twenty seconds. */
const LAST_MS = 120_000
/** Counting a large tag reads many postings, and nobody sees a difference at its end: it is counted more rarely. */
const LARGE = 100_000
const LARGE_EVERY_MS = 60_000
/** Tags counted in one request. */
const PAGE = 500

interface TagSource {
  tag: string
  markedAt: number
}

/** A tag that is marked again and again stays due when it was, or a popular one would never be counted. */
const MARK = `
  if (ctx._source.dueAt == null || ctx._source.dueAt > params.dueAt) { ctx._source.dueAt = params.dueAt }
  ctx._source.markedAt = params.markedAt`

/** A count overtaken by a later one is dropped. A tag that was marked while it was counted is counted again. */
const COUNT = `
  if (ctx._source.countedAt >= params.countedAt) { ctx.op = 'none' } else {
    ctx._source.posts = params.posts;
    ctx._source.countedAt = params.countedAt;
    if (ctx._source.markedAt != params.markedAt) { ctx._source.dueAt = params.soon }
    else if (params.isLast) { ctx._source.remove('dueAt') }
    else { ctx._source.dueAt = params.last }
  }`

const changing = (alias: string, tag: string, source: string, params: object, rest: object = {}): Operation => [
  { update: { _index: alias, _id: tag, require_alias: true, retry_on_conflict: 5 } },
  { script: { source, params }, ...rest },
]

interface CountsNeeds {
  client: Client
  indices: Indices
  clock: Clock
  random: Random
}

export function hashtagCounts(needs: CountsNeeds): HashtagCounts {
  const { client, indices, clock } = needs
  return {
    mark: (tags, generation) => mark(needs, tags, generation),
    async countDue(generation) {
      const nowMs = clock()
      const small = { range: { posts: { lt: LARGE } } }
      const rested = { range: { countedAt: { lte: nowMs - LARGE_EVERY_MS } } }
      const isDue = { range: { dueAt: { lte: nowMs } } }
      return (await count(needs, generation, [isDue, { bool: { should: [small, rested] } }])) === PAGE
    },
    async countAll(generation) {
      // Later than any count before this call, even one within the same millisecond.
      const startMs = clock() + 1
      const alias = indices.alias('hashtags', generation)
      const marked = [{ exists: { field: 'dueAt' } }, { range: { countedAt: { lt: startMs } } }]
      do await asking(() => client.indices.refresh({ index: alias }, OPTIONS.write))
      while ((await count(needs, generation, marked)) > 0)
    },
  }
}

async function mark(
  { client, indices, clock, random }: CountsNeeds,
  tags: ReadonlySet<string>,
  generation: Generation,
): Promise<Map<string, Error>> {
  if (tags.size === 0) return new Map()
  const alias = indices.alias('hashtags', generation)
  const nowMs = clock()
  const marks = { markedAt: nowMs, dueAt: nowMs + FIRST_MS }
  const list = [...tags]
  const operations = list.map((tag) => {
    const upsert = { tag, folded: fold(tag), posts: 0, countedAt: 0, ...marks }
    return changing(alias, tag, MARK, marks, { upsert })
  })
  const outcomes = await sendBulk(client, operations, random)
  return new Map(list.flatMap((tag, i) => (outcomes[i] ? [[tag, outcomes[i]] as const] : [])))
}

/** Counts up to a page of the tags that a filter finds. Answers how many. */
async function count(needs: CountsNeeds, generation: Generation, filter: object[]): Promise<number> {
  const { client, indices, clock, random } = needs
  const alias = indices.alias('hashtags', generation)
  const tags = await tagsToCount(client, alias, filter)
  if (tags.length === 0) return 0
  const nowMs = clock()
  const names = tags.map(({ tag }) => tag)
  const posts = await postsOf(client, indices.alias('posts', generation), names)
  const operations = tags.map(({ tag, markedAt }, i) => {
    const isLast = nowMs >= markedAt + LAST_MS
    const times = { countedAt: nowMs, markedAt, isLast, soon: nowMs + FIRST_MS, last: markedAt + LAST_MS }
    return changing(alias, tag, COUNT, { posts: posts[i] ?? 0, ...times })
  })
  const failure = (await sendBulk(client, operations, random)).find((outcome) => outcome !== null)
  if (failure) throw failure
  return tags.length
}

/** A page of them, those first that have been due for longest. */
async function tagsToCount(client: Client, index: string, filter: object[]): Promise<TagSource[]> {
  const query = { bool: { filter } }
  const page = { sort: [{ dueAt: 'asc' as const }], size: PAGE, _source: ['tag', 'markedAt'], track_total_hits: false }
  const due = await asking(() => client.search<TagSource>({ index, query, ...page }, OPTIONS.write))
  return due.hits.hits.flatMap(({ _source }) => _source ?? [])
}

/** How many posts carry each of the tags, in their order. Refreshes first: what is acknowledged counts. */
async function postsOf(client: Client, alias: string, tags: readonly string[]): Promise<number[]> {
  await asking(() => client.indices.refresh({ index: alias }, OPTIONS.write))
  const filters = tags.map((tag) => ({ term: { hashtags: tag } }))
  const found = await asking(() =>
    client.search<unknown, { tags: { buckets: { doc_count: number }[] } }>(
      { index: alias, size: 0, track_total_hits: false, aggs: { tags: { filters: { filters } } } },
      OPTIONS.write,
    ),
  )
  return found.aggregations?.tags.buckets.map((bucket) => bucket.doc_count) ?? []
}
