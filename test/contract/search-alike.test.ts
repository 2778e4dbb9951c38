/** Every search engine beside a model that looks at every document: scripts, beginnings, misspellings, disorder, limits. */
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type PersonDocument, personDocument, postDocument } from '../../origin/search/documents.ts'
import { parseQuery } from '../../origin/search/query.ts'
import { searchService } from '../../origin/search/service.ts'
import { type SearchEngine, searchEngines } from './search-engines.ts'
import { modelOf } from './search-model.ts'
import { corpus, misspell, query, walk } from './search-words.ts'

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

  const person = (userId: string, username: string, displayName = '', version = 1, deleted = false) =>
    personDocument({ userId, username, displayName, deleted, version })
  const post = (postId: string, caption: string, hashtags: string[] = [], version = 1, deleted = false) =>
    postDocument({ postId, userId: '1', caption, hashtags, deleted, version })
  const putPeople = async (documents: readonly PersonDocument[]) => {
    await Promise.all(documents.map((document) => engine.store.putPerson(document)))
    await engine.store.settle()
  }
  const putPosts = async (documents: readonly ReturnType<typeof post>[]) => {
    await Promise.all(documents.map((document) => engine.store.putPost(document)))
    await engine.store.settle()
  }
  const peopleFor = async (q: string) =>
    (await search.users({ q, limit: 100, cursor: null })).items.map((hit) => hit.userId)
  const postsFor = async (q: string) =>
    (await search.posts({ q, limit: 100, cursor: null })).items.map((hit) => hit.postId)

  test('what is typed in full or begun finds what the model finds, in its order', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(corpus, fc.array(query, { minLength: 12, maxLength: 12 }), async (rows, queries) => {
        await engine.clear()
        const people = rows.map((row) => person(row.id, row.username, row.name, 1, row.deleted))
        const posts = rows.map((row) => post(row.id, row.name, row.tags, 1, row.deleted))
        await putPeople(people)
        await putPosts(posts)
        const model = modelOf(people, posts)
        const expected = searchService(model)
        for (const q of queries) {
          for (const kind of ['people', 'posts', 'hashtags'] as const) {
            const asked = parseQuery(q)
            if (asked.text === '' || (kind === 'posts' && asked.words.length === 0)) continue
            expect([q, await engine.store[kind](asked, null, 100)]).toEqual([q, await model[kind](asked, null, 100)])
          }
          const first = async (service: typeof search) => (await service.users({ q, limit: 3, cursor: null })).items
          expect([q, await first(search)]).toEqual([q, await first(expected)])
        }
      }),
      { numRuns: 8 },
    )
  })

  test('a misspelt word finds the three that the model finds first', { timeout: 120_000 }, async () => {
    const words = [
      'ana',
      'lena',
      'marta',
      'sunset',
      'harbour',
      'jonathan',
      'lighthouse',
      'kim',
      'tom',
      'olga',
      'ferry',
      'castle',
    ]
    const people = words.map((word, i) => person(String(i + 1), word, `${word} Example`))
    const posts = words.map((word, i) => post(String(i + 1), `${word} at night`, [word]))
    await putPeople(people)
    await putPosts(posts)
    const expected = searchService(modelOf(people, posts))
    const typo = fc.record({ word: fc.constantFrom(...words), kind: fc.nat(3), place: fc.nat(12) })
    await fc.assert(
      fc.asyncProperty(typo, async ({ word, kind, place }) => {
        const q = misspell(word, kind, place)
        const top = async (service: typeof search) => {
          const ask = { q, limit: 3, cursor: null }
          return [q, await service.users(ask), await service.posts(ask), await service.hashtags(ask)].map((page) =>
            typeof page === 'string' ? page : page.items,
          )
        }
        expect(await top(search)).toEqual(await top(expected))
      }),
      { numRuns: 60 },
    )
  })

  test.each([
    ['東京タワーの夜景', '東京', true],
    ['東京タワーの夜景', 'タワー', true],
    ['東京タワーの夜景', '東京 タワー', true],
    ['東京タワーの夜景', '夜', true],
    ['東京タワーの夜景', '京都', false],
    ['京都の東', '東京', false],
    ['ｶﾌｪ', 'カフェ', true],
    ['서울의 밤', '서울', true],
    ['สวัสดีเมืองไทย', 'ไทย', true],
    ['Привет, МИР', 'мир', true],
    ['مُحَمَّد', 'محمد', true],
    ['Ὀδυσσεύς', 'οδυσσευσ', true],
    ['naïve café crème brûlée', 'creme brulee', true],
    ['Ærøskøbing Łódź Straße', 'aeroskobing lodz strasse', true],
    ['𝓯𝓪𝓷𝓬𝔂 ｗｉｄｅ', 'fancy wide', true],
    ['party 🎉🎉 tonight', '🎉', true],
    ['party 🎉🎉 tonight', 'tonight 🎉', true],
    ['👩‍🚀 lifts off', '🚀', true],
    ['🇩🇪 and 🇫🇷', '🇫🇷', true],
    ['🇩🇪 and 🇫🇷', '🇮🇹', false],
    ["l'été à l’île", 'ete ile', true],
    ['\u0000 control \u200b marks', 'control marks', true],
  ])('"%s" asked for "%s": %s', async (caption, q, isFound) => {
    await putPosts([post('1', caption)])
    expect(await postsFor(q)).toEqual(isFound ? ['1'] : [])
  })

  test('versions in any order, repeated, from two processes at once, end in the newest', async () => {
    const another = engine.another()
    await fc.assert(
      fc.asyncProperty(fc.shuffledSubarray([1, 1, 2, 2, 3, 3, 4], { minLength: 3 }), async (versions) => {
        await engine.clear()
        await Promise.all(
          versions.map((version, i) =>
            (i % 2 ? another : engine.store).putPerson(person('1', `v${version}`, '', version, version === 4)),
          ),
        )
        await engine.store.settle()
        const newest = Math.max(...versions)
        for (const version of [1, 2, 3, 4]) {
          expect(await peopleFor(`v${version}`)).toEqual(version === newest && newest < 4 ? ['1'] : [])
        }
      }),
      { numRuns: 10 },
    )
  })

  test('a deleted post stays deleted, whatever comes late, and its hashtags are gone', async () => {
    for (const [version, deleted] of [
      [2, false],
      [5, true],
      [4, false],
      [5, false],
      [1, true],
    ] as const) {
      await engine.store.putPost(post('1', 'late sunset', ['late'], version, deleted))
    }
    await engine.store.settle()
    expect(await postsFor('sunset')).toEqual([])
    expect((await search.hashtags({ q: 'late', limit: 5, cursor: null })).items).toEqual([])
    await putPosts([post('1', 'late sunset', ['late'], 6)])
    expect(await postsFor('sunset')).toEqual(['1'])
    expect((await search.hashtags({ q: 'late', limit: 5, cursor: null })).items).toEqual([{ tag: 'late', posts: 1 }])
  })

  test('pages while others write: nothing twice, nothing left out that was there', async () => {
    const ids = Array.from({ length: 30 }, (_, i) => String(1_000 + i))
    await putPosts(ids.map((id) => post(id, 'harbour', ['harbour'])))
    let next = 2_000
    const walked = await walk(search.posts, 'harbour', 4, async () => {
      await putPosts([post(String(next++), 'harbour', ['harbour']), post('1005', 'harbour again', ['harbour'], next)])
    })
    const found = walked.map((hit) => hit.postId)
    expect(new Set(found).size).toBe(found.length)
    expect(found.filter((id) => ids.includes(id))).toEqual([...ids].reverse())
  })

  test('another process finds the same, and goes on with a cursor', async () => {
    await putPeople(['ann', 'anna', 'annabel', 'annette'].map((handle, i) => person(String(i + 1), handle)))
    const restarted = searchService(engine.another())
    const first = await search.users({ q: 'ann', limit: 2, cursor: null })
    const second = await restarted.users({ q: 'ann', limit: 2, cursor: first.cursor })
    expect([...first.items, ...second.items].map((hit) => hit.userId)).toEqual(['1', '4', '3', '2'])
  })

  test('ids beyond what a double holds stay apart', async () => {
    const ids = ['9007199254740992', '9007199254740993', '9223372036854775806', '9223372036854775807']
    await putPosts(ids.map((id) => post(id, 'large')))
    expect((await walk(search.posts, 'large', 1)).map((hit) => hit.postId)).toEqual([...ids].reverse())
  })

  test('the longest of everything', async () => {
    const words = Array.from({ length: 275 }, (_, i) => `w${String(i).padStart(6, '0')}`)
    const unspaced = Array.from({ length: 2_200 }, (_, i) => String.fromCodePoint(0x4e00 + i)).join('')
    const tags = Array.from({ length: 30 }, (_, i) => `${'あ'.repeat(98)}${String(i).padStart(2, '0')}`)
    await putPosts([post('1', words.join(' ')), post('2', unspaced), post('3', 'x'.repeat(2_200)), post('4', '', tags)])
    expect(await postsFor(words.slice(-9).join(' '))).toEqual(['1'])
    expect(await postsFor(unspaced.slice(500, 700))).toEqual(['2'])
    expect(await postsFor('x'.repeat(200))).toEqual(['3'])
    expect((await search.hashtags({ q: 'あ'.repeat(98), limit: 50, cursor: null })).items).toHaveLength(30)
    await putPeople([person('1', 'a'.repeat(50), '東'.repeat(50))])
    expect(await peopleFor('a'.repeat(50))).toEqual(['1'])
    expect(await peopleFor(`${'q'.repeat(99)} `.repeat(2))).toEqual([])
  })

  test('hundreds of documents at once all arrive', async () => {
    const people = Array.from({ length: 700 }, (_, i) => person(String(i + 1), `crowd${i}`))
    await putPeople(people)
    expect(await walk(search.users, 'crowd', 100)).toHaveLength(700)
  })

  test('a rebuild brings what its source knows and keeps what is written meanwhile', async () => {
    await putPeople([person('1', 'old_one'), person('2', 'kept')])
    await putPosts([post('1', 'before', ['before'])])
    const byId =
      <T>(documents: T[], idOf: (document: T) => string) =>
      async (after: string) =>
        documents.filter((document) => Number(idOf(document)) > Number(after)).slice(0, 1)
    const source = [person('1', 'renamed', '', 2), person('2', 'kept'), person('3', 'added')]
    let written = false
    const done = await engine.store.rebuild({
      async people(after) {
        // Between two pages, somebody changes what has been read already.
        if (after === '2' && !written) {
          written = true
          await Promise.all([
            engine.store.putPerson(person('2', 'meanwhile', '', 2)),
            engine.another().putPost(post('2', 'during', ['during'])),
          ])
        }
        return byId(source, ({ userId }) => userId)(after)
      },
      posts: byId([post('1', 'before', ['before'])], ({ postId }) => postId),
    })
    expect(done).toEqual({ people: 3, posts: 1 })
    await engine.store.settle()
    expect(await peopleFor('old_one')).toEqual([])
    expect([await peopleFor('renamed'), await peopleFor('added'), await peopleFor('meanwhile')]).toEqual([
      ['1'],
      ['3'],
      ['2'],
    ])
    expect([await postsFor('before'), await postsFor('during')]).toEqual([['1'], ['2']])
    for (const q of ['before', 'during']) {
      expect((await search.hashtags({ q, limit: 5, cursor: null })).items).toEqual([{ tag: q, posts: 1 }])
    }
    await putPosts([post('1', 'after', ['after'], 2)])
    expect(await postsFor('after')).toEqual(['1'])
  })
})
