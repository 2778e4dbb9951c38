/** What only the Elasticsearch engine promises: its indices, their generations, and counts that no crash leaves wrong. */
import { Client } from '@elastic/elasticsearch'
import { afterEach, describe, expect, test } from 'vitest'
import { personDocument, postDocument } from '../../origin/search/documents.ts'
import { type ElasticsearchSearch, elasticsearchSearch } from '../../origin/search/elasticsearch/index.ts'
import type { ElasticsearchSettings } from '../../origin/search/index.ts'
import { searchService } from '../../origin/search/service.ts'
import { dropIndices, elasticsearchForTests, indicesOf } from './search-engines.ts'

const person = (userId: string, username = `p${userId}`, version = 1) =>
  personDocument({ userId, username, displayName: '', deleted: false, version })
const post = (postId: string, hashtags: string[], version = 1, deleted = false) =>
  postDocument({ postId, userId: '1', caption: 'word', hashtags, deleted, version })

describe.skipIf(elasticsearchForTests() === null)(
  'Elasticsearch (skipped where ELASTICSEARCH_URL names no server)',
  () => {
    const closers: (() => Promise<unknown>)[] = []
    afterEach(async () => {
      for (const close of closers.splice(0).reverse()) await close()
    })

    const settingsForTest = (): ElasticsearchSettings => {
      const settings = elasticsearchForTests()
      if (settings === null) throw new Error('there is no Elasticsearch to test against')
      closers.push(() => dropIndices(settings))
      return settings
    }
    const open = (settings: ElasticsearchSettings, clock: () => number = Date.now): ElasticsearchSearch => {
      const store = elasticsearchSearch({ settings, clock, random: Math.random })
      closers.push(() => store.close())
      return store
    }
    const connect = (settings: ElasticsearchSettings): Client => {
      const client = new Client({ nodes: [...settings.urls] })
      closers.push(() => client.close())
      return client
    }
    const tagsOf = async (store: ElasticsearchSearch, q: string) =>
      (await searchService(store).hashtags({ q, limit: 10, cursor: null })).items
    const source = (people: ReturnType<typeof person>[], posts: ReturnType<typeof post>[] = []) => ({
      people: async (after: string, limit: number) =>
        people.filter(({ userId }) => Number(userId) > Number(after)).slice(0, limit),
      posts: async (after: string, limit: number) =>
        posts.filter(({ postId }) => Number(postId) > Number(after)).slice(0, limit),
    })

    test('processes that start at once make one set of indices', async () => {
      const settings = settingsForTest()
      const stores = Array.from({ length: 5 }, () => open(settings))
      await Promise.all(stores.map((store, i) => store.putPerson(person(String(i + 1)))))
      await stores[0]?.settle()
      expect(await stores[0]?.people({ text: 'p', words: ['p'] }, null, 10)).toHaveLength(5)
      expect(await indicesOf(settings)).toEqual(
        ['hashtags', 'people', 'posts'].map((kind) => `${settings.prefix}-${kind}-000001`),
      )
    })

    test('indices that are lost while it runs are made again as declared, never by guessing', async () => {
      const settings = settingsForTest()
      const store = open(settings)
      await store.putPerson(person('1'))
      await dropIndices(settings)
      await Promise.all([store.putPerson(person('2')), store.putPost(post('1', ['tag']))])
      await store.settle()
      expect(await store.people({ text: 'p2', words: ['p2'] }, null, 5)).toEqual([{ id: '2', tier: 0 }])
      const mappings = await connect(settings).indices.getMapping({ index: `${settings.prefix}-*` })
      expect(Object.values(mappings).map(({ mappings }) => mappings.dynamic)).toEqual(['strict', 'strict', 'strict'])
      await dropIndices(settings)
      expect(await store.people({ text: 'p2', words: ['p2'] }, null, 5)).toEqual([])
    })

    test('an interrupted rebuild goes on where it was; the old generation answers until the new one is complete', async () => {
      const settings = settingsForTest()
      const store = open(settings)
      const people = Array.from({ length: 12_000 }, (_, i) => person(String(i + 1)))
      await store.putPerson(person('1', 'old'))
      await store.settle()
      const reads: string[] = []
      const { people: all, posts } = source(people)
      const interrupted = {
        posts,
        people: async (after: string, limit: number) => {
          if (Number(after) >= 10_500) throw new Error('interrupted')
          return all(after, limit)
        },
      }
      await expect(store.rebuild(interrupted)).rejects.toThrow('interrupted')
      expect(await store.people({ text: 'old', words: ['old'] }, null, 5)).toEqual([{ id: '1', tier: 0 }])
      await open(settings).putPerson(person('12001'))
      const watched = {
        posts,
        people(after: string, limit: number) {
          reads.push(after)
          return all(after, limit)
        },
      }
      await open(settings).rebuild(watched)
      expect(Number(reads[0])).toBe(10_000)
      await store.settle()
      for (const id of ['1', '12000', '12001']) {
        expect(await store.people({ text: `p${id}`, words: [`p${id}`] }, null, 1)).toEqual([{ id, tier: 0 }])
      }
      expect(await store.people({ text: 'old', words: ['old'] }, null, 5)).toEqual([])
      expect(await indicesOf(settings)).toEqual(
        ['hashtags', 'people', 'posts'].map((kind) => `${settings.prefix}-${kind}-000002`),
      )
    })

    test('a rebuild that is begun anew forgets what the former one had done', async () => {
      const settings = settingsForTest()
      const store = open(settings)
      const failing = { ...source([person('1', 'first')]), posts: () => Promise.reject(new Error('interrupted')) }
      await expect(store.rebuild(failing)).rejects.toThrow('interrupted')
      await store.rebuild({ ...source([person('2', 'second')]), restart: true })
      expect(await store.people({ text: 'first', words: ['first'] }, null, 5)).toEqual([])
      expect(await store.people({ text: 'second', words: ['second'] }, null, 5)).toEqual([{ id: '2', tier: 0 }])
    })

    test('a process that dies between a post and its count leaves a mark, and the next one counts', async () => {
      const settings = settingsForTest()
      let nowMs = Date.now()
      const clock = () => nowMs
      const died = open(settings, clock)
      await died.putPost(post('1', ['left', 'right']))
      await died.putPost(post('1', ['right'], 2))
      const next = open(settings, clock)
      const refresh = () => connect(settings).indices.refresh({ index: `${settings.prefix}-*` })
      await refresh()
      await next.keepUp()
      await refresh()
      expect([await tagsOf(next, 'left'), await tagsOf(next, 'right')]).toEqual([[], []])
      nowMs += 2_000
      await next.keepUp()
      await refresh()
      expect([await tagsOf(next, 'left'), await tagsOf(next, 'right')]).toEqual([[], [{ tag: 'right', posts: 1 }]])
    })

    test('a post that lands later than its first count is counted by the last', async () => {
      const settings = settingsForTest()
      let nowMs = Date.now()
      const store = open(settings, () => nowMs)
      await store.putPost(post('1', ['slow']))
      const client = connect(settings)
      // As if another process had marked and then been stopped, with its write on the way.
      const late = { id: '2', userId: '1', words: [], hashtags: ['slow'], deleted: false }
      const refresh = () => client.indices.refresh({ index: `${settings.prefix}-*` })
      await refresh()
      nowMs += 2_000
      await store.keepUp()
      await client.index({ index: `${settings.prefix}-posts`, id: '2', document: late })
      await refresh()
      expect(await tagsOf(store, 'slow')).toEqual([{ tag: 'slow', posts: 1 }])
      nowMs += 120_000
      await store.keepUp()
      await refresh()
      expect(await tagsOf(store, 'slow')).toEqual([{ tag: 'slow', posts: 2 }])
    })

    test('what the mapping does not take is refused by itself, the rest of the batch is kept', async () => {
      const settings = settingsForTest()
      const store = open(settings)
      const wrong = { ...person('2'), userId: 'no number' }
      const outcomes = await Promise.allSettled(
        [person('1'), wrong, person('3')].map((document) => store.putPerson(document)),
      )
      expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    })
  },
)
