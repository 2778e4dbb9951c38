/** Asks the current generation. A page goes on behind the values of its last hit, which do not change: no snapshot is held open. */
import type { Client, estypes } from '@elastic/elasticsearch'
import type { AfterId, AfterTag, SearchStore } from '../store.ts'
import { asking, away, isAwayStatus, Moved, OPTIONS } from './connection.ts'
import type { Indices, WithIndices } from './indices.ts'
import type { Kind } from './names.ts'
import { alikeByTag, alikeByWords, type Group, hashtagGroups, peopleGroups, postGroups, type Query } from './queries.ts'

type Reads = Pick<SearchStore, 'people' | 'peopleAlike' | 'posts' | 'postsAlike' | 'hashtags' | 'hashtagsAlike'>

interface PersonSource {
  handle: string
  words: string[]
}
interface TagSource {
  tag: string
  posts: number
  folded: string
}

/** A part of an answer is none: hits would be missing without a word. */
const WHOLE = { allow_partial_search_results: false, track_total_hits: false }
const BY_ID: estypes.Sort = [{ id: 'desc' }]
const BY_POSTS: estypes.Sort = [{ posts: 'desc' }, { tag: 'asc' }]

/** A page of one kind of documents: its groups, their order, and where the last page ended. */
interface GroupedPage {
  kind: Kind
  groups: Group[]
  sort: estypes.Sort
  after: { tier: number; values: estypes.SortResults } | null
  limit: number
}

export function createReader(client: Client, indices: Indices, withIndices: WithIndices): Reads {
  const grouped = async <S>(page: GroupedPage) => {
    const asked = page.groups.filter(({ tier }) => page.after === null || tier >= page.after.tier)
    if (asked.length === 0) return []
    const searches = searchesOf(indices.alias(page.kind, 'current'), asked, page)
    return withIndices(async () => {
      const { responses } = await asking(() => client.msearch<S>({ searches }, OPTIONS.search))
      return asked.flatMap(({ tier }, i) => hitsOf(responses[i]).map((hit) => ({ ...hit, tier }))).slice(0, page.limit)
    })
  }
  const byId = async (kind: Kind, groups: Group[], position: AfterId | null, limit: number): Promise<AfterId[]> => {
    const after = position === null ? null : { tier: position.tier, values: [position.id] }
    const hits = await grouped({ kind, groups, sort: BY_ID, after, limit })
    return hits.map(({ _id, tier }) => ({ id: _id ?? '', tier }))
  }
  const alike = async <S>(kind: Kind, query: Query, sort: estypes.Sort, limit: number, fields: string[]) => {
    const index = indices.alias(kind, 'current')
    const order = [{ _score: { order: 'desc' as const } }, ...(sort as estypes.SortCombinations[])]
    const request = { ...WHOLE, index, query, sort: order, size: limit, _source: fields }
    const { hits } = await withIndices(() => asking(() => client.search<S>(request, OPTIONS.search)))
    return hits.hits.flatMap((hit) => (hit._source ? [{ id: hit._id ?? '', ...hit._source }] : []))
  }

  return {
    people: (query, after, limit) => byId('people', peopleGroups(query), after, limit),
    async peopleAlike({ words }, limit) {
      if (words.length === 0) return []
      const found = await alike<PersonSource>('people', alikeByWords(words), BY_ID, limit, ['handle', 'words'])
      return found.map(({ id, handle, words }) => ({ userId: id, handle, words }))
    },
    posts: (query, after, limit) => byId('posts', postGroups(query), after, limit),
    async postsAlike({ words }, limit) {
      if (words.length === 0) return []
      const found = await alike<Pick<PersonSource, 'words'>>('posts', alikeByWords(words), BY_ID, limit, ['words'])
      return found.map(({ id, words }) => ({ postId: id, words }))
    },
    async hashtags(query, position, limit): Promise<AfterTag[]> {
      const after = position === null ? null : { tier: position.tier, values: [position.posts, position.tag] }
      const groups = hashtagGroups(query)
      const hits = await grouped<TagSource>({ kind: 'hashtags', groups, sort: BY_POSTS, after, limit })
      return hits.flatMap(({ _source, tier }) => (_source ? [{ tier, posts: _source.posts, tag: _source.tag }] : []))
    },
    async hashtagsAlike({ text }, limit) {
      const found = await alike<TagSource>('hashtags', alikeByTag(text), BY_POSTS, limit, ['tag', 'posts', 'folded'])
      return found.map(({ tag, posts, folded }) => ({ tag, posts, folded }))
    },
  }
}

/** The groups from the one where the last page ended, to be asked in one request. */
const searchesOf = (index: string, asked: Group[], { kind, sort, after, limit }: GroupedPage) =>
  asked.flatMap(({ tier, query }): estypes.MsearchRequestItem[] => [
    { index, allow_partial_search_results: false },
    {
      ...{ query, sort, size: limit, track_total_hits: false },
      ...(kind === 'hashtags' ? {} : { _source: false }),
      ...(after?.tier === tier ? { search_after: after.values } : {}),
    },
  ])

function hitsOf<S>(response: estypes.MsearchResponseItem<S> | undefined): estypes.SearchHit<S>[] {
  if (response === undefined) throw away(new Error('Elasticsearch left a search unanswered'))
  if (!('error' in response)) return response.hits.hits
  const failure = new Error(`${response.error.type}: ${response.error.reason ?? ''}`)
  if (response.status === 404) throw new Moved(failure.message)
  throw isAwayStatus(response.status ?? 500) ? away(failure) : failure
}
