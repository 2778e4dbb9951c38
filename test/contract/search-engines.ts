/** The engines of search, for its suite and others. A new one joins by a line. */
import { randomUUID } from 'node:crypto'
import { Client } from '@elastic/elasticsearch'
import { type ElasticsearchSearch, elasticsearchSearch } from '../../origin/search/elasticsearch/index.ts'
import { type ElasticsearchSettings, postgresSearch, type SearchStore } from '../../origin/search/index.ts'
import { startDatabase } from './engines.ts'

export interface SearchEngine {
  store: SearchStore
  /** The same data through connections of its own, as another process would have. */
  another(): SearchStore
  clear(): Promise<void>
  close(): Promise<void>
}

export interface Candidate {
  name: string
  /** Null where there is no such server. */
  start: (() => Promise<SearchEngine>) | null
  /** Why not. */
  absent: string
}

export function searchEngines(): Candidate[] {
  return [
    { name: 'postgres', start: startPostgres, absent: '' },
    {
      name: 'elasticsearch',
      start: elasticsearchForTests() === null ? null : startElasticsearch,
      absent: 'ELASTICSEARCH_URL names no server to test against',
    },
  ]
}

async function startPostgres(): Promise<SearchEngine> {
  const { database, pool, close } = await startDatabase()
  const clear = async () => {
    await pool.query('truncate search_people, search_posts, search_hashtags')
  }
  return { store: postgresSearch(database), another: () => postgresSearch(database), clear, close }
}

/** Settings for indices of their own at the server that ELASTICSEARCH_URL names; null without one. */
export function elasticsearchForTests(): ElasticsearchSettings | null {
  const { ELASTICSEARCH_URL, ELASTICSEARCH_API_KEY } = process.env
  if (!ELASTICSEARCH_URL) return null
  return {
    urls: ELASTICSEARCH_URL.split(','),
    auth: ELASTICSEARCH_API_KEY ? { apiKey: ELASTICSEARCH_API_KEY } : null,
    ca: null,
    prefix: `test-${randomUUID().slice(0, 8)}`,
    shards: 2,
    replicas: 0,
  }
}

/** The names of all indices that begin with a prefix. */
export async function indicesOf({ urls, prefix }: ElasticsearchSettings): Promise<string[]> {
  const client = new Client({ nodes: [...urls] })
  const found = await client.indices.get({ index: `${prefix}-*`, expand_wildcards: 'all' })
  await client.close()
  return Object.keys(found).sort()
}

/** Removes a test's indices. */
export async function dropIndices(settings: ElasticsearchSettings): Promise<void> {
  const index = await indicesOf(settings)
  if (index.length === 0) return
  const client = new Client({ nodes: [...settings.urls] })
  await client.indices.delete({ index, ignore_unavailable: true })
  await client.close()
}

async function startElasticsearch(): Promise<SearchEngine> {
  const settings = elasticsearchForTests()
  if (settings === null) throw new Error('there is no Elasticsearch to test against')
  const opened: ElasticsearchSearch[] = []
  const open = () => {
    const store = elasticsearchSearch({ settings, clock: Date.now, random: Math.random })
    opened.push(store)
    return store
  }
  const store = open()
  await store.settle()
  return {
    store,
    another: open,
    // Documents that were deleted would keep their versions for a minute.
    clear: () => dropIndices(settings),
    async close() {
      for (const { close } of opened) await close()
      await dropIndices(settings)
    },
  }
}
