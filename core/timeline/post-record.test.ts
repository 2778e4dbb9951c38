/** Posts and people in Redis. */
import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { directRedis } from '../../test/interleavings/redis.ts'
import { firstIdAt, type Id } from '../ids.ts'
import { keys, longestLife, TTL } from '../keys.ts'
import type { Command } from '../redis.ts'
import {
  DELETED,
  forgetUser,
  outlineOf,
  parsePost,
  parseUser,
  readPost,
  readUser,
  writeDeletedPost,
  writePost,
  writeUser,
} from './index.ts'

const engine = directRedis(() => 1_764_000_000_000)
const run = (commands: readonly Command[]) => commands.map((command) => engine.execute(command))
const at = (ms: number, n = 0): Id => String(BigInt(firstIdAt(1_764_000_000_000 + ms)) + BigInt(n))

beforeEach(() => void run([['FLUSHALL']]))

const text = fc.string({ unit: 'grapheme' })
const media = fc.record({
  mediaId: fc.constant('3'),
  type: fc.constantFrom('image' as const, 'video' as const),
  key: text,
  width: fc.nat(),
  height: fc.nat(),
  alt: text,
  blur: fc.option(text),
})

/** The engine holds bytes; ioredis and @upstash/redis put UTF-8 around it. */
const utf8 = (command: Command): Command =>
  command.map((arg) => (typeof arg === 'string' ? Buffer.from(arg).toString('latin1') : arg))
const decoded = (reply: unknown): never =>
  (Array.isArray(reply)
    ? reply.map(decoded)
    : typeof reply === 'string'
      ? Buffer.from(reply, 'latin1').toString()
      : reply) as never

/** A post as found, with what it unpacks when asked. */
function whole(found: ReturnType<typeof parsePost>) {
  if (found === null || found === DELETED) return found
  const { id, userId, caption, media, hashtags, version, awaitsMedia } = found.post
  return { ...found, post: { id, userId, caption, media, hashtags, version, awaitsMedia } }
}

test('posts and people come back from Redis as they were written', () => {
  const post = fc.record({
    id: fc.constant(at(1)),
    userId: fc.constant('9'),
    caption: text,
    media: fc.array(media, { maxLength: 3 }),
    hashtags: fc.array(text, { maxLength: 3 }),
    version: fc.nat(),
    awaitsMedia: fc.boolean(),
  })
  fc.assert(
    fc.property(post, fc.nat(), (record, likes) => {
      run([['FLUSHALL']])
      run(writePost(record, { likes, comments: 1 }).map(utf8))
      const found = parsePost(record.id, decoded(run([readPost(record.id)])[0]))
      expect(whole(found)).toEqual({ post: record, counts: { likes, comments: 1 } })
    }),
  )
  const user = { id: '9', username: 'ada', displayName: '', avatar: null, isPrivate: true }
  run(writeUser(user, 1))
  expect(parseUser('9', run([readUser('9')])[0])).toEqual(user)
  expect(parseUser('10', run([readUser('10')])[0])).toBeNull()
})

test('a deleted post stays deleted when somebody late writes it again', () => {
  const record = { id: at(1), userId: '9', caption: '', media: [], hashtags: [], version: 1, awaitsMedia: false }
  run([...writePost(record), ...writeDeletedPost(record.id)])
  expect(parsePost(record.id, run([readPost(record.id)])[0])).toBe(DELETED)
  run(writePost(record))
  expect(parsePost(record.id, run([readPost(record.id)])[0])).toBe(DELETED)
  expect(parsePost(at(2), run([readPost(at(2))])[0])).toBeNull()
})

test('what is no text of a post is asked for again, and written over', () => {
  const media = [{ mediaId: '3', type: 'image' as const, key: 'a.jpg', width: 1, height: 1, alt: '', blur: null }]
  const record = {
    id: at(1),
    userId: '9',
    caption: 'see [1].',
    media,
    hashtags: ['see'],
    version: 2,
    awaitsMedia: false,
  }
  run(writePost(record))
  const text = String(run([readPost(record.id)])[0])
  const cutOff = Array.from(text, (_, length) => text.slice(0, length))
  for (const spoilt of [...cutOff, 'garbage', '1 bob 0 0 0 0 0 0 2 0 []', '["9","old",[],[],1,0,3,1]']) {
    expect(parsePost(record.id, spoilt), spoilt).toBeNull()
    run([['SET', keys.post(record.id), spoilt], ...writePost(record)])
    expect(run([readPost(record.id)])[0], spoilt).toBe(text)
  }
})

test('what a post is about, and how much of it there is, is known before it is unpacked, and whether a picture of it is private', () => {
  const picture = { mediaId: '3', type: 'image' as const, width: 1, height: 1, alt: 'a sea', blur: null }
  const media = ['media/3/a.jpg', 'private/3/b.jpg'].map((key) => ({ ...picture, key }))
  const record = { id: at(1), userId: '9', caption: 'hi', media, hashtags: ['sea'], version: 2, awaitsMedia: true }
  expect(outlineOf(record)).toEqual({ characters: 2, media: 2, hasPrivateMedia: true, topic: 'sea' })
  run(writePost(record))
  const found = parsePost(record.id, run([readPost(record.id)])[0])
  if (found === null || found === DELETED) throw new Error('it was written')
  expect(outlineOf(found.post)).toEqual(outlineOf(record))
})

test('a post lives for an hour, and so does its tombstone', () => {
  const record = { id: at(1), userId: '9', caption: '', media: [], hashtags: [], version: 1, awaitsMedia: false }
  const life = () => Number(run([['TTL', keys.post(record.id)]])[0])
  run(writePost(record))
  expect(life()).toBeGreaterThan(0.89 * 3_600)
  expect(life()).toBeLessThanOrEqual(1.1 * 3_600)
  run(writeDeletedPost(record.id))
  run(writePost(record))
  expect(life()).toBe(longestLife(TTL.post))
})

test('whatever order they are written in, the newest of several versions stands', () => {
  const post = { id: at(1), userId: '9', media: [], hashtags: [], awaitsMedia: false }
  const user = { id: '9', displayName: '', avatar: null, isPrivate: true }
  const versions = fc.uniqueArray(fc.integer({ min: 1, max: 20 }), { minLength: 1 })
  fc.assert(
    fc.property(versions, (order) => {
      run([['FLUSHALL']])
      for (const version of order) {
        run(writePost({ ...post, caption: `${version}`, version }))
        run(writeUser({ ...user, username: `${version}` }, version))
      }
      const newest = String(Math.max(...order))
      expect(parsePost(post.id, run([readPost(post.id)])[0])).toMatchObject({ post: { caption: newest } })
      expect(parseUser('9', run([readUser('9')])[0])).toMatchObject({ username: newest })
    }),
  )
})

test('what was read of a person before a change cannot be put back after it', () => {
  const user = { id: '9', username: 'ada', displayName: '', avatar: null, isPrivate: false }
  const known = () => parseUser('9', run([readUser('9')])[0])
  run([...writeUser(user, 1), forgetUser('9', 2)])
  expect(known()).toBeNull()
  run(writeUser(user, 1))
  expect(known()).toBeNull()
  run(writeUser({ ...user, isPrivate: true }, 2))
  run([forgetUser('9', 2)])
  expect(known()).toMatchObject({ isPrivate: true })
})
