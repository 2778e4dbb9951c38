import { expect, it } from 'vitest'
import { cidOf, didOf, readersWithPages, recordKey, rowsOf } from './rows.ts'

const NOW = Date.parse('2026-11-23T12:00:00Z')
/** 0 and 1 follow each other, 2 follows nobody. */
const people = {
  graph: { people: 3, followees: [[1], [0], []] },
  postedAtMs: [[NOW - 5_000, NOW - 5_000], [NOW - 9_000], []],
  post: { caption: 'Der Abend über der See. #see', hashtags: ['see'], image: { alt: 'Wasser', width: 4, height: 5 } },
}

it('gives everybody a name of their own, and every follow and post an address of its own', () => {
  const rows = rowsOf(people, NOW)
  expect(new Set(Array.from({ length: 2_000 }, (_, i) => didOf(i))).size).toBe(2_000)
  expect(didOf(12)).toMatch(/^did:plc:[a-z2-7]{24}$/)
  expect(rows.actor.map(({ did }) => did)).toEqual([didOf(0), didOf(1), didOf(2)])
  const addresses = [...rows.follow, ...rows.record, ...rows.like].map(({ uri }) => uri)
  expect(new Set(addresses).size).toBe(addresses.length)
})

it('keeps who follows whom', () => {
  const follows = rowsOf(people, NOW).follow.map(({ creator, subjectDid }) => [creator, subjectDid])
  expect(follows).toEqual([
    [didOf(0), didOf(1)],
    [didOf(1), didOf(0)],
  ])
})

it('keeps the instant, the author and the caption of every post, in each table that holds them', () => {
  const { record, post, feed_item, post_agg } = rowsOf(people, NOW)
  expect(post.map(({ creator, text, createdAt }) => [creator, text, Date.parse(String(createdAt))])).toEqual(
    people.postedAtMs.flatMap((instants, i) => instants.map((atMs) => [didOf(i), people.post.caption, atMs])),
  )
  expect(feed_item.map(({ sortAt }) => sortAt)).toEqual(post.map(({ createdAt }) => createdAt))
  for (const rows of [feed_item, post_agg]) expect(rows.map(({ uri }) => uri)).toEqual(post.map(({ uri }) => uri))
  expect(record.map(({ uri }) => uri)).toEqual(expect.arrayContaining(post.map(({ uri }) => uri)))
})

it('keeps picture and hashtag of a post, and the name and picture of a person', () => {
  const records = rowsOf(people, NOW).record.map(({ json }) => JSON.parse(String(json)))
  const [post] = records.filter(({ $type }) => $type === 'app.bsky.feed.post')
  expect(post.embed.images).toMatchObject([{ alt: 'Wasser', aspectRatio: { width: 4, height: 5 } }])
  const { byteStart, byteEnd } = post.facets[0].index
  expect(Buffer.from(post.text).subarray(byteStart, byteEnd).toString()).toBe('#see')
  const profiles = records.filter(({ $type }) => $type === 'app.bsky.actor.profile')
  expect(profiles.map(({ displayName }) => displayName)).toEqual(['Person 0', 'Person 1', 'Person 2'])
  expect(profiles[0].avatar.ref.$link).toMatch(/^bafkrei/)
})

it('lets readers like every tenth post that they are shown, the newest among them', () => {
  const { like, post } = rowsOf(people, NOW)
  expect(like.map(({ creator, subject }) => [creator, subject])).toEqual([
    [didOf(0), post[2]?.uri],
    [didOf(1), post[0]?.uri],
  ])
})

it('takes as readers those whose page is full', () => {
  expect(readersWithPages(people, 3)).toEqual([0, 1])
  expect(readersWithPages(people, 4)).toEqual([])
})

it('makes record keys that sort by time and differ within a millisecond', () => {
  const keys = [
    recordKey(NOW - 1, 0),
    recordKey(NOW, 0),
    recordKey(NOW, 1_023),
    recordKey(NOW, 1_024),
    recordKey(NOW + 1_000, 0),
  ]
  expect(keys.toSorted()).toEqual(keys)
  expect(new Set(keys).size).toBe(keys.length)
  for (const key of keys) expect(key).toMatch(/^[234567abcdefghij][2-7a-z]{12}$/)
})

it('makes CIDs as others do', () => {
  // The CID of an empty raw block's digest is known; with the codec of DAG-CBOR it begins with bafyrei.
  expect(cidOf('')).toBe('bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku')
})
