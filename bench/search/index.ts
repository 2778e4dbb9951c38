/**
 * `npm run bench -- search [--documents 10000]`: how long a page of search takes, and whether a misspelt name finds its owner
 * among the first three, in the embedded Postgres and, where ELASTICSEARCH_URL names one, in Elasticsearch. Invented documents
 * from a seed; each engine is asked the same questions, through the same service that answers the edge.
 */
import { randomUUID } from 'node:crypto'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'
import { nodeDatabase } from '#drizzle/database.ts'
import { migrate } from '#drizzle/migrate.ts'
import { startEmbeddedPostgres } from '../../origin/embedded/postgres/index.ts'
import { elasticsearchClient } from '../../origin/search/elasticsearch/connection.ts'
import { elasticsearchSearch } from '../../origin/search/elasticsearch/index.ts'
import { postgresSearch, type SearchStore } from '../../origin/search/index.ts'
import { type SearchService, searchService } from '../../origin/search/service.ts'
import type { Bench, BenchOptions } from '../bench.ts'
import { seededRandom } from '../random.ts'
import { type Corpus, inventCorpus, misspell } from './words.ts'

const DOCUMENTS = 10_000
const SEED = 20_260_101
const WARM_UPS = 100
const QUERIES = 1_000
const TYPOS = 300
/** Requests under way at once. */
const CALLERS = 4
/** Puts under way at once: as many as the partitions of a log bring. */
const WRITERS = 64

export const searchBench: Bench = async (options) => {
  const documents = options.documents ?? DOCUMENTS
  const corpus = inventCorpus(documents, seededRandom(SEED))
  const embedded = await onEmbedded(corpus, options)
  const url = process.env.ELASTICSEARCH_URL
  if (!url) options.say('ELASTICSEARCH_URL names no server: Elasticsearch is not measured')
  const elasticsearch = url ? await onElasticsearch(url, corpus, options) : null
  const { p99Ms, typoTop3 } = elasticsearch ?? embedded
  return {
    engine: elasticsearch ? 'elasticsearch' : 'embedded',
    p99Ms,
    typoTop3,
    documents,
    queries: QUERIES,
    embedded,
    elasticsearch,
  }
}

async function onEmbedded(corpus: Corpus, options: BenchOptions) {
  const server = await startEmbeddedPostgres()
  const pool = new pg.Pool({ connectionString: server.url, max: 8 })
  try {
    await migrate(pool)
    const analyze = async () => void (await pool.query('VACUUM ANALYZE'))
    return await measure('embedded', postgresSearch(nodeDatabase(drizzle(pool))), corpus, options, analyze)
  } finally {
    await pool.end()
    await server.close()
  }
}

async function onElasticsearch(url: string, corpus: Corpus, options: BenchOptions) {
  const prefix = `bench-${randomUUID().slice(0, 8)}`
  const apiKey = process.env.ELASTICSEARCH_API_KEY
  const auth = apiKey === undefined ? null : { apiKey }
  const settings = { urls: url.split(','), auth, ca: null, prefix, shards: 1, replicas: 0 }
  const store = elasticsearchSearch({ settings, clock: Date.now, random: Math.random })
  const client = elasticsearchClient(settings)
  try {
    return await measure('elasticsearch', store, corpus, options, async () => {})
  } finally {
    await client.indices.delete({ index: Object.keys(await client.indices.get({ index: `${prefix}-*` })) })
    await client.close()
    await store.close()
  }
}

async function measure(
  name: string,
  store: SearchStore,
  corpus: Corpus,
  { say }: BenchOptions,
  ready: () => Promise<void>,
) {
  const startedMs = performance.now()
  await inTurns(corpus.people, WRITERS, (person) => store.putPerson(person))
  await inTurns(corpus.posts, WRITERS, (post) => store.putPost(post))
  await store.settle()
  const seconds = (performance.now() - startedMs) / 1_000
  const indexedPerSecond = Math.round((corpus.people.length + corpus.posts.length) / seconds)
  say(`${name}: indexed ${indexedPerSecond} documents a second`)
  await ready()

  const service = searchService(store)
  const asks = questions(corpus, service)
  await inTurns(asks.slice(0, WARM_UPS), CALLERS, (ask) => ask())
  const times: number[] = []
  await inTurns(asks.slice(WARM_UPS), CALLERS, async (ask) => {
    const askedMs = performance.now()
    await ask()
    times.push(performance.now() - askedMs)
  })
  times.sort((a, b) => a - b)
  const at = (share: number) =>
    Number((times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(1))
  const figures = { p50Ms: at(0.5), p99Ms: at(0.99), typoTop3: await typoTop3(corpus, service), indexedPerSecond }
  say(`${name}: ${JSON.stringify(figures)}`)
  return figures
}

/** What people type, in shares that are a guess: beginnings of names first. */
function questions({ people, words, tags }: Corpus, service: SearchService): (() => Promise<unknown>)[] {
  const random = seededRandom(SEED + 1)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T
  const begin = (text: string) => text.slice(0, 2 + Math.floor(random() * 4))
  const ask = (q: string) => ({ q, limit: 20, cursor: null })
  return Array.from({ length: WARM_UPS + QUERIES }, () => {
    const kind = random()
    const name = pick(people).username
    const [word, other, tag] = [pick(words), pick(words), pick(tags)]
    if (kind < 0.4) return () => service.users(ask(begin(name)))
    if (kind < 0.55) return () => service.users(ask(name.replace('_', ' ')))
    if (kind < 0.65) return () => service.users(ask(misspell(word, random)))
    if (kind < 0.9) return () => service.posts(ask(`${word} ${begin(other)}`))
    return () => service.hashtags(ask(begin(tag)))
  })
}

/** The share of misspelt user names, of six letters at least, whose owner is among the first three. */
async function typoTop3({ people }: Corpus, service: SearchService): Promise<number> {
  const random = seededRandom(SEED + 2)
  const asked = Array.from(
    { length: TYPOS },
    () => people[Math.floor(random() * people.length)] as Corpus['people'][number],
  )
  let found = 0
  await inTurns(asked, CALLERS, async ({ userId, username }) => {
    const [first = '', last = ''] = username.split('_')
    const q = `${misspell(first, random)} ${last}`
    const { items } = await service.users({ q, limit: 3, cursor: null })
    if (items.some((hit) => hit.userId === userId)) found++
  })
  return Number((found / TYPOS).toFixed(3))
}

/** Does all of the work with so many at once. */
async function inTurns<T>(list: readonly T[], callers: number, work: (item: T) => Promise<unknown>): Promise<void> {
  const items = list.values()
  await Promise.all(
    Array.from({ length: callers }, async () => {
      for (const item of items) await work(item)
    }),
  )
}
