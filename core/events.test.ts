import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EVENT_TYPES, type EventData, type EventType, makeEvent, parseEvent, topicOf, uuidv7 } from './events.ts'

const samples: { [T in EventType]: EventData<T> } = {
  'post.created': { postId: '1', userId: '2', version: 1, awaitsMedia: true, hashtags: ['sea'] },
  'post.deleted': { postId: '1', userId: '2', version: 2 },
  'media.ready': { mediaId: '3', userId: '2', postId: null, version: 1 },
  'fanout.page': { postId: '1', userId: '2', after: '0', through: '9', op: 'remove', acceptedMs: 5 },
  'post.liked': { postId: '1', userId: '2', authorId: '3', state: 'unliked', at: 5, version: 3 },
  'post.commented': { postId: '1', commentId: '4', userId: '2', authorId: '3', parentId: null, version: 1 },
  'comment.deleted': { postId: '1', commentId: '4', userId: '2', version: 2 },
  'post.shared': { postId: '1', userId: '2', authorId: '3', at: 5, version: 1 },
  'follow.changed': { followerId: '1', followeeId: '2', state: 'requested', version: 7 },
  'block.changed': { userId: '1', targetId: '2', kind: 'mute', state: 'active', version: 1 },
  'user.changed': { userId: '1', version: 4 },
  'celebrity.changed': { userId: '1', mode: 'both', up: true, version: 1 },
  'crossing.page': { userId: '1', up: true, version: 1, after: '0' },
  'signal.seen': { userId: '1', postIds: ['5', '6'], at: 5 },
  'ad.signal': { userId: '1', campaignId: '7', kind: 'click', at: 5 },
  media_processing: { mediaId: '3', userId: '2' },
  'search.index': { kind: 'user', id: '2', version: 1 },
}
const event = <T extends EventType>(type: T) =>
  makeEvent(
    { type, key: '1', actor: '2', data: samples[type] },
    () => 1_764_000_000_000,
    () => 0.5,
  )

test.each(EVENT_TYPES)('%s survives the way over the wire', (type) => {
  const made = event(type)
  expect(parseEvent(JSON.parse(JSON.stringify(made)))).toEqual(made)
})

test('fields that a later version adds are passed over', () => {
  const later = { ...event('user.changed'), shard: 9, data: { ...samples['user.changed'], bio: 'new' } }
  expect(parseEvent(later)).toEqual(event('user.changed'))
})

test('fields that an earlier version lacked have their defaults', () => {
  const { traceparent: _, ...earlier } = event('post.created')
  const parsed = parseEvent({ ...earlier, data: { postId: '1', userId: '2', version: 1 } })
  expect(parsed).toMatchObject({ traceparent: null, data: { awaitsMedia: false, hashtags: [] } })
})

test('what is no event of ours is refused', () => {
  const good = event('post.created')
  const bad: unknown[] = [
    { ...good, type: 'post.exploded' },
    { ...good, id: '' },
    { ...good, time: -1 },
    { ...good, actor: 'me' },
    { ...good, data: { ...good.data, postId: '01' } },
    { ...event('signal.seen'), data: { userId: '1', postIds: Array(201).fill('1'), at: 1 } },
  ]
  for (const body of bad) expect(() => parseEvent(body)).toThrow()
  fc.assert(
    fc.property(fc.anything(), (body) => {
      expect(() => parseEvent(body)).toThrow()
    }),
  )
})

test("an author's change of mode travels among the author's posts", () => {
  expect(topicOf('celebrity.changed')).toBe('post.created')
  expect(topicOf('crossing.page')).toBe('fanout.page')
  expect(topicOf('post.liked')).toBe('post.liked')
})

test('UUIDs of version 7 are well-formed and sort by time', () => {
  const instant = fc.integer({ min: 0, max: 2 ** 48 - 2 })
  fc.assert(
    fc.property(instant, fc.double({ min: 0, max: 0.9999, noNaN: true }), (ms, chance) => {
      const [a, b] = [ms, ms + 1].map((at) =>
        uuidv7(
          () => at,
          () => chance,
        ),
      )
      expect(a).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
      expect(Number.parseInt(a!.replace('-', '').slice(0, 12), 16)).toBe(ms)
      expect(a! < b!).toBe(true)
    }),
  )
})
