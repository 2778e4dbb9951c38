/**
 * The documents as Elasticsearch indexes them. Text comes folded and cut into words (text.ts), so its analyzer takes each
 * value as one term: what matches is decided once, for every engine. Nothing is mapped by guessing.
 */
import type { estypes } from '@elastic/elasticsearch'
import type { Kind } from './names.ts'
import type { ElasticsearchSettings } from './settings.ts'

/** Beginnings up to here are terms of their own: a longer one is typed by few, and looked up among few. */
const PREFIXES = { min_chars: 1, max_chars: 15 }

/** Whole values, and their beginnings as terms beside them. */
const words: estypes.MappingProperty = {
  type: 'text',
  analyzer: 'as_it_is',
  index_options: 'docs',
  norms: false,
  index_prefixes: PREFIXES,
}
const stored: estypes.MappingProperty = { type: 'keyword', index: false, doc_values: false }

const PROPERTIES: Readonly<Record<Kind, Record<string, estypes.MappingProperty>>> = {
  people: { id: { type: 'long' }, handle: words, words, deleted: { type: 'boolean' } },
  posts: {
    id: { type: 'long' },
    userId: stored,
    words,
    hashtags: { type: 'keyword' },
    deleted: { type: 'boolean' },
  },
  hashtags: {
    tag: { type: 'keyword' },
    folded: words,
    posts: { type: 'long' },
    /** Unix milliseconds: when a post last came or went, when it was counted, when to count it again (absent: never). */
    markedAt: { type: 'long' },
    countedAt: { type: 'long' },
    dueAt: { type: 'long' },
  },
}

/** Kept in the order in which they are shown, a page is read from the front of a segment and no further. */
const SORTS: Readonly<Record<Kind, Record<string, string[]>>> = {
  people: { field: ['id'], order: ['desc'] },
  posts: { field: ['id'], order: ['desc'] },
  hashtags: { field: ['posts', 'tag'], order: ['desc', 'asc'] },
}

export const mappingsOf = (kind: Kind): estypes.MappingTypeMapping => ({
  dynamic: 'strict',
  properties: PROPERTIES[kind],
})

export function settingsOf(kind: Kind, { shards, replicas }: ElasticsearchSettings): estypes.IndicesIndexSettings {
  return {
    number_of_shards: shards,
    ...(replicas === null ? { auto_expand_replicas: '0-1' } : { number_of_replicas: replicas }),
    // Named, so that an index nobody has searched for a while goes on refreshing: a first search would wait for it.
    refresh_interval: '1s',
    sort: SORTS[kind] as estypes.IndicesIndexSegmentSort,
    analysis: { analyzer: { as_it_is: { type: 'custom', tokenizer: 'keyword' } } },
  }
}
