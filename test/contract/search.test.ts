/** What every search engine must find, and in which order; a new engine joins by a line in search-engines.ts. */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { personDocument, postDocument } from '../../origin/search/documents.ts'
import { searchService } from '../../origin/search/service.ts'
import { type SearchEngine, searchEngines } from './search-engines.ts'

const PEOPLE = [
  ['1', 'ana', 'Ana'],
  ['2', 'ana_maria', 'Maria Santos'],
  ['3', 'anatole', 'Anatole France'],
  ['4', 'bob', 'Ana Bobek'],
  ['5', 'jose.garcia', 'José García'],
  ['6', 'jonathan', 'Jonathan Strange'],
  ['7', 'muller', 'Jürgen Müller'],
  ['8', 'x_50', 'Percent'],
] as const

describe.each(searchEngines())('search on $name', ({ start, absent }) => {
  if (start === null) {
    test.skip(absent, () => {})
    return
  }
  let engine: SearchEngine
  let search: ReturnType<typeof searchService>
  beforeAll(async () => {
    engine = await start()
    search = searchService(engine.store)
  })
  afterAll(() => engine?.close())
  beforeEach(() => engine.clear())

  const person = (userId: string, username: string, displayName: string, version = 1, deleted = false) =>
    engine.store.putPerson(personDocument({ userId, username, displayName, deleted, version }))
  const post = (postId: string, caption: string, hashtags: string[] = [], version = 1, deleted = false) =>
    engine.store.putPost(postDocument({ postId, userId: '1', caption, hashtags, deleted, version }))
  /** One after the other, and in the end found. */
  const inOrder = async (puts: (() => Promise<void>)[]) => {
    for (const put of puts) await put()
    await engine.store.settle()
  }
  const people = async (q: string) =>
    (await search.users({ q, limit: 20, cursor: null })).items.map((item) => item.userId)
  const posts = async (q: string) =>
    (await search.posts({ q, limit: 20, cursor: null })).items.map((item) => item.postId)
  const tags = async (q: string) => (await search.hashtags({ q, limit: 20, cursor: null })).items
  const everybody = async () => {
    await Promise.all(PEOPLE.map(([id, username, name]) => person(id, username, name)))
    await engine.store.settle()
  }

  test('a handle comes first, then handles that begin so, then words of names, the newest first', async () => {
    await everybody()
    expect(await people('ana')).toEqual(['1', '3', '2', '4'])
    expect(await people('@Ana')).toEqual(['1', '3', '2', '4'])
    expect(await people('an')).toEqual(['3', '2', '1', '4'])
  })

  test('case, accents and compatibility forms make no difference', async () => {
    await everybody()
    expect(await people('JOSÉ')).toEqual(['5'])
    // Behind it may come what is two edits away, such as Maria.
    expect((await people('garcia'))[0]).toBe('5')
    expect(await people('Muller')).toEqual(['7'])
    expect(await people('jürgen mül')).toEqual(['7'])
  })

  test('a handle is found by its parts and without its dots', async () => {
    await everybody()
    expect(await people('josegarcia')).toEqual(['5'])
    expect(await people('maria')).toEqual(['2'])
  })

  test('signs of patterns are just signs', async () => {
    await everybody()
    expect(await people('x_5')).toEqual(['8'])
    expect(await people('an%')).not.toContain('8')
    expect(await people("o'b\\ & | ! :* (")).toEqual([])
    expect(await people('@')).toEqual([])
  })

  test.each([
    ['jonhatan', '6'],
    ['jonathn', '6'],
    ['konathan', '6'],
    ['mulller', '7'],
    ['mraia', '2'],
    ['santso', '2'],
    ['anatloe', '3'],
    ['garzia jose', '5'],
  ])('the misspelt %s finds %s', async (q, id) => {
    await everybody()
    expect((await people(q)).slice(0, 3)).toContain(id)
  })

  test('a newer version wins, whatever comes last, and a deletion stays', async () => {
    await inOrder([() => person('1', 'newer', 'Newer', 3), () => person('1', 'older', 'Older', 2)])
    expect(await people('older')).toEqual([])
    expect(await people('newer')).toEqual(['1'])
    await inOrder([() => person('1', '', '', 5, true), () => person('1', 'newer', 'Newer', 4)])
    expect(await people('newer')).toEqual([])
  })

  test('posts hold all the words, the last one perhaps unfinished; complete ones first, then the newest', async () => {
    await post('1', 'Sunset over the sea')
    await post('2', 'The sea, a sunsetting')
    await post('3', 'Séa of clouds')
    await post('4', 'sunset in the SEA of clouds')
    await engine.store.settle()
    expect(await posts('sea')).toEqual(['4', '3', '2', '1'])
    expect(await posts('sea sunset')).toEqual(['4', '1', '2'])
    expect(await posts('clou')).toEqual(['4', '3'])
  })

  test('misspelt words find posts only when nothing else is found', async () => {
    await post('1', 'a lighthouse at night')
    await post('2', 'a lighthause at night')
    await engine.store.settle()
    expect(await posts('lighthouse')).toEqual(['1'])
    expect(await posts('ligthouse nihgt')).toEqual(['1', '2'])
    expect(await posts('lighthuse')).toEqual(['2', '1'])
  })

  test('hashtags are counted by the posts that carry them, through edits, repetitions and deletions', async () => {
    await post('1', '', ['sea', 'seaside'])
    await post('2', '', ['sea'])
    await post('3', '', ['séance', 'sea'])
    await post('3', '', ['séance'], 2)
    await post('3', '', ['sea'], 1)
    await engine.store.settle()
    expect(await tags('sea')).toEqual([
      { tag: 'sea', posts: 2 },
      { tag: 'seaside', posts: 1 },
      { tag: 'séance', posts: 1 },
    ])
    await post('2', '', [], 2, true)
    await post('2', '', ['sea'], 1)
    await post('1', '', [], 2, true)
    await engine.store.settle()
    expect(await tags('#Sea')).toEqual([{ tag: 'séance', posts: 1 }])
    expect(await tags('seanec')).toEqual([{ tag: 'séance', posts: 1 }])
  })

  test('two first writes of one post at once count its hashtags once', async () => {
    await Promise.all([post('1', '', ['a'], 1), post('1', '', ['a', 'b'], 2), post('1', '', ['a', 'b'], 2)])
    await engine.store.settle()
    expect(await tags('a')).toEqual([{ tag: 'a', posts: 1 }])
    expect(await tags('b')).toEqual([{ tag: 'b', posts: 1 }])
  })

  test('any order of deliveries ends in the same index', async () => {
    const change = fc.record({
      id: fc.constantFrom('1', '2'),
      tags: fc.subarray(['a', 'b', 'c']),
      deleted: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 6 }),
        fc.infiniteStream(fc.nat()),
        async (changes, chance) => {
          await engine.clear()
          const deliveries = [...changes, ...changes].map((c, i) => ({ ...c, version: (i % changes.length) + 1 }))
          const order = deliveries.map((d) => [chance.next().value as number, d] as const).sort((a, b) => a[0] - b[0])
          for (const [, d] of order) await post(d.id, 'word', d.tags, d.version, d.deleted)
          await engine.store.settle()
          const final = ['1', '2'].map((id) => deliveries.slice(0, changes.length).findLast((d) => d.id === id))
          for (const tag of ['a', 'b', 'c']) {
            const expected = final.filter((d) => d !== undefined && !d.deleted && d.tags.includes(tag)).length
            expect((await tags(tag)).reduce((sum, hit) => sum + hit.posts, 0)).toBe(expected)
          }
        },
      ),
      { numRuns: 15 },
    )
  })

  test('pages of any size walk through all groups, each hit once, in the order of one large page', async () => {
    await everybody()
    await person('9', 'anna', 'Anna')
    for (let i = 1; i <= 3; i++) await post(String(i), 'sea sky', ['sky', `sky${i}`, 'skt'])
    await engine.store.settle()
    const walk = async <T>(
      method: (request: {
        q: string
        limit: number
        cursor: string | null
      }) => Promise<{ items: T[]; cursor: string | null }>,
      q: string,
      limit: number,
    ) => {
      const walked: T[] = []
      for (let cursor: string | null = null; ; ) {
        const page = await method({ q, limit, cursor })
        walked.push(...page.items)
        cursor = page.cursor
        if (cursor === null) return walked
      }
    }
    for (const limit of [1, 2, 3]) {
      expect(await walk(search.users, 'ana', limit)).toEqual(await walk(search.users, 'ana', 100))
      expect(await walk(search.posts, 'sk', limit)).toEqual(await walk(search.posts, 'sk', 100))
      expect(await walk(search.posts, 'slr sea', limit)).toEqual(await walk(search.posts, 'slr sea', 100))
      expect(await walk(search.hashtags, 'sky', limit)).toEqual(await walk(search.hashtags, 'sky', 100))
    }
    expect(await people('ana')).toEqual(['1', '3', '2', '4', '9'])
    expect((await tags('sky')).map((hit) => hit.tag)).toEqual(['sky', 'sky1', 'sky2', 'sky3', 'skt'])
    // One more of each, and there are enough without what is misspelt, on pages of any size.
    await person('10', 'ana2', 'Ana the Second')
    await post('4', 'sea sky', ['sky4'])
    await engine.store.settle()
    for (const limit of [1, 2, 5, 100]) {
      expect((await walk(search.users, 'ana', limit)).map((hit) => hit.userId)).toEqual(['1', '10', '3', '2', '4'])
      expect((await walk(search.hashtags, 'sky', limit)).map((hit) => hit.tag)).toEqual(
        ['', 1, 2, 3, 4].map((end) => `sky${end}`),
      )
    }
  })

  test('somebody’s name is not taken for a misspelt hashtag; another word is', async () => {
    await everybody()
    await post('1', '', ['jonathon', 'strangers', 'anna'])
    await engine.store.settle()
    const found = async (q: string) => (await tags(q)).map((hit) => hit.tag)
    for (const name of ['jonathan', 'Jonathan', 'ana']) expect(await found(name)).toEqual([])
    // What begins so is shown whoever is called so, what resembles it where nobody is.
    expect(await found('strange')).toEqual(['strangers'])
    expect(await found('jonathin')).toEqual(['jonathon'])
  })

  test('a cursor of another list is refused', async () => {
    await everybody()
    const { cursor } = await search.users({ q: 'an', limit: 1, cursor: null })
    await expect(search.posts({ q: 'an', limit: 1, cursor })).rejects.toMatchObject({ status: 400 })
  })
})
