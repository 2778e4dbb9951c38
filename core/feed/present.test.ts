import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type PostRecord, parsePost } from '../timeline/index.ts'
import { packPost } from '../timeline/packed-post.ts'
import { feedPost, pageRenderer, pageTag } from './index.ts'
import { at, item, NOW, reasons, viewer } from './testing.ts'

test('a page is JSON that says what was put in, whatever people write', () => {
  const text = fc.string({ unit: 'grapheme' })
  fc.assert(
    fc.property(
      text,
      fc.array(text, { maxLength: 3 }),
      fc.nat(),
      fc.boolean(),
      fc.constantFrom(...reasons),
      (caption, hashtags, likes, liked, reason) => {
        const record = { id: at(0), userId: '9', caption, media: [], hashtags, version: 1, awaitsMedia: false }
        const author = { id: '9', username: 'ada', displayName: caption, avatar: null, isPrivate: false }
        const made = feedPost(record, author, { likes, comments: 2 }, '')
        const one = { candidate: { id: at(0), reason, relevance: 0 }, post: made }
        const page = JSON.parse(pageRenderer([one, one], viewer({ liked: new Set(liked ? [at(0)] : []) }), 'abc')())
        expect(page.cursor).toBe('abc')
        expect(page.items[1]).toEqual({
          id: at(0),
          author: { id: '9', username: 'ada', displayName: caption, avatar: null },
          caption,
          hashtags,
          media: [],
          createdAt: new Date(NOW).toISOString(),
          likeCount: likes,
          commentCount: 2,
          liked,
          reason,
          why: expect.any(String),
        })
      },
    ),
  )
  expect(JSON.parse(pageRenderer([], viewer(), null)())).toEqual({ items: [], cursor: null })
})

test('the tag moves with the viewer, the posts, their order, counts, likes, reasons and what comes after', () => {
  const [a, b] = [item({ id: at(0) }), item({ id: at(1) })]
  const tags = [
    pageTag([a, b], viewer(), 1),
    pageTag([b, a], viewer(), 1),
    pageTag([a], viewer(), 1),
    pageTag([a, b], viewer({ id: '2' }), 1),
    pageTag([a, b], viewer({ liked: new Set([at(1)]) }), 1),
    pageTag([a, item({ id: at(1), likes: 1 })], viewer(), 1),
    pageTag([a, item({ id: at(1) }, 'celebrity')], viewer(), 1),
    pageTag([a, b], viewer(), 0),
  ]
  expect(new Set(tags).size).toBe(tags.length)
  expect(pageTag([a, b], viewer(), 1)).toBe(tags[0])
})

test('private pictures are signed in every size, anew when the hour is over, and the tag knows', () => {
  const media = (key: string) => ({
    mediaId: '5',
    type: 'image' as const,
    key,
    width: 4,
    height: 3,
    alt: '',
    blur: null,
  })
  const keys = ['private/5/ab.jpg', 'media/6/cd.jpg'] as const
  const caption = `look at ${keys[0]}`
  const record = {
    id: at(0),
    userId: '9',
    caption,
    media: keys.map(media),
    hashtags: [],
    version: 1,
    awaitsMedia: false,
  }
  const author = { id: '9', username: 'ada', displayName: '', avatar: 'media/1/a.jpg', isPrivate: true }
  const made = feedPost(record, author, { likes: 0, comments: 0 }, 'https://img.test')
  expect([made.privateKeys, made.signedUntil, made.hashtags]).toEqual([[keys[0]], 0, record.hashtags])
  const one = { candidate: { id: at(0), reason: 'follow' as const, relevance: 0 }, post: made }
  const tags = [7_200, 10_800].map((expires) => {
    made.sign(new Map([[keys[0], `s=x&exp=${expires}`]]), expires)
    const [shown] = JSON.parse(pageRenderer([one], viewer(), null)()).items
    expect(shown.media[0].urls.thumb).toBe(`https://img.test/img/thumb/${keys[0]}?s=x&exp=${expires}`)
    expect(Object.values(shown.media[0].urls)).toEqual(expect.arrayContaining([expect.stringContaining('/large/')]))
    for (const url of Object.values<string>(shown.media[0].urls)) expect(url).toMatch(new RegExp(`exp=${expires}$`))
    expect(shown.media[1].urls.medium).toBe(`https://img.test/img/medium/${keys[1]}`)
    expect(shown.caption).toBe(caption)
    expect(shown.author.avatar).toBe('https://img.test/img/thumb/media/1/a.jpg')
    expect(made.signedUntil).toBe(expires)
    return pageTag([one], viewer(), 0)
  })
  expect(tags[0]).not.toBe(tags[1])
})

test('a post knows its hashtags before it is shown, and after', () => {
  const record = {
    id: at(0),
    userId: '9',
    caption: '',
    media: [],
    hashtags: ['sea', 'sun'],
    version: 1,
    awaitsMedia: false,
  }
  const author = { id: '9', username: 'ada', displayName: '', avatar: null, isPrivate: false }
  const make = () => feedPost(record, author, { likes: 0, comments: 0 }, '')
  const shown = make()
  expect(JSON.parse(`${shown.json}}`).hashtags).toEqual(record.hashtags)
  expect([make().hashtags, shown.hashtags, shown.topic]).toEqual([record.hashtags, record.hashtags, 'sea'])
})

function found(record: PostRecord): PostRecord {
  const read = parsePost(record.id, packPost(record, { likes: 0, comments: 0 }))
  if (read === null || read === 'deleted') throw new Error('it was written')
  return read.post
}

test.each([
  ['as Postgres knows it', (record: PostRecord) => record],
  ['as Redis holds it', found],
])('a post reads alike however often it is shown, but for its counts: %s', (_, from) => {
  const record = {
    ...{ id: at(0), userId: '9', caption: 'look', hashtags: ['sea'], version: 1, awaitsMedia: false },
    media: [{ mediaId: '3', type: 'image' as const, key: 'media/3/a.jpg', width: 4, height: 3, alt: '', blur: null }],
  }
  const author = { id: '9', username: 'ada', displayName: '', avatar: null, isPrivate: false }
  const make = () => feedPost(from(record), author, { likes: 1, comments: 0 }, '')
  const shown = make()
  const first = shown.json
  expect([shown.json, shown.json]).toEqual([first, first])
  shown.count({ likes: 2, comments: 5 })
  const counted = first.replace('"likeCount":1,"commentCount":0', '"likeCount":2,"commentCount":5')
  expect(counted).not.toBe(first)
  expect([shown.json, shown.json]).toEqual([counted, counted])
  const asked = make()
  expect([asked.hashtags, asked.json, asked.hashtags, asked.json]).toEqual([['sea'], first, ['sea'], first])
  const countedSinceShown = make()
  expect(countedSinceShown.json).toBe(first)
  countedSinceShown.count({ likes: 2, comments: 5 })
  expect(countedSinceShown.json).toBe(counted)
})
