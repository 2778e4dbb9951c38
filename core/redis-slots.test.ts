/** Slots, and that every command core builds can be executed by one node of a cluster. */
import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FANOUT_POLICY } from './fanout-policy.ts'
import { FEED_POLICY, readBeyond, readFeed, readFeedBelow, readViewer } from './feed/index.ts'
import { firstIdAt } from './ids.ts'
import type { Command } from './redis.ts'
import { commandSlot, keySlot, keysOf, SLOTS } from './redis-slots.ts'
import * as timeline from './timeline/index.ts'

describe('the slot of a key', () => {
  it('is that of the specification', () => {
    // CRC16 of "123456789" is 0x31c3; the others were asked of redis-server (CLUSTER KEYSLOT).
    const known = {
      '123456789': 0x31c3,
      foo: 12_182,
      bar: 5_061,
      '': 0,
      'naïve 🌊': 7_960,
      'a{}b': 13_694,
      'a{b': 13_340,
    }
    for (const [key, slot] of Object.entries(known)) expect([key, keySlot(key)]).toEqual([key, slot])
  })

  it('is that of its hash tag, the first one that is not empty at its place', () => {
    for (const key of ['timeline:{7}', 'hidden:{7}', '{7}', 'a{7}b{8}']) expect(keySlot(key)).toBe(keySlot('7'))
    expect(keySlot('a{}{7}')).not.toBe(keySlot('7'))
    expect(keySlot('ü{7}')).toBe(keySlot('7'))
  })

  it('is the same for text and for its bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (key) => {
        expect(keySlot(new TextEncoder().encode(key))).toBe(keySlot(key))
        expect(keySlot(key)).toBeLessThan(SLOTS)
      }),
    )
  })
})

describe('the keys of a command', () => {
  it.each([
    ['GET k', 'k'],
    ['zadd k 1 m', 'k'],
    ['PING', ''],
    ['SCAN 0 COUNT 10', ''],
    ['DEL a b c', 'a b c'],
    ['MSET a 1 b 2', 'a b'],
    ['EVAL return 2 a b x', 'a b'],
    ['EVAL return 0 x', ''],
    ['ZUNION 2 a b WITHSCORES', 'a b'],
    ['ZUNIONSTORE d 2 a b WEIGHTS 1 2', 'd a b'],
    ['BLPOP a b 10', 'a b'],
    ['BITOP AND d a b', 'd a b'],
    ['XREAD COUNT 1 STREAMS a b 0 0', 'a b'],
    ['XREADGROUP GROUP g c STREAMS a >', 'a'],
    ['SORT a LIMIT 0 1 STORE d', 'a d'],
    ['OBJECT ENCODING a', 'a'],
    ['RENAME a b', 'a b'],
  ])('%s: %s', (command, keys) => {
    expect(keysOf(command.split(' ')).join(' ')).toBe(keys)
  })

  it('share a slot, or lie in several, or are none', () => {
    expect(commandSlot(['MGET', 'a{1}', 'b{1}'])).toBe(keySlot('1'))
    expect(commandSlot(['MGET', 'a', 'b'])).toBe('several')
    expect(commandSlot(['DBSIZE'])).toBe('none')
  })
})

const policy = { ...FANOUT_POLICY }
const id = fc.integer({ min: 0, max: 1e9 }).map((ms) => firstIdAt(1_764_000_000_000 + ms))
const ids = fc.uniqueArray(id, { maxLength: 5 })
const arguments_ = fc.record({ user: id, author: id, post: id, users: ids, posts: ids, ms: fc.nat() })
type Given = typeof arguments_ extends fc.Arbitrary<infer T> ? T : never

const record = (given: Given) => ({
  id: given.post,
  userId: given.author,
  caption: 'text',
  media: [],
  hashtags: [],
  version: 1,
  awaitsMedia: false,
})
const person = (given: Given) => ({
  id: given.user,
  username: 'ada',
  displayName: 'Ada',
  avatar: null,
  isPrivate: false,
})
const entries = (posts: readonly string[]) => posts.map((post, ms) => ({ id: post, ms }))
const followed = (given: Given) => ({ entries: entries(given.posts), complete: true })

/** The gateway takes these apart: what they read may lie on several nodes. */
const SPREAD: Record<string, (given: Given) => readonly Command[]> = {
  readCounts: ({ posts, post }) => [timeline.readCounts([post, ...posts])],
  readPosts: ({ posts, post }) => [timeline.readPosts([post, ...posts])],
}

/** Every other function of core that builds commands, by its name, called with what a person, an author and posts may be. */
const BUILDERS: Record<string, (given: Given) => readonly Command[]> = {
  readFeed: ({ user }) => readFeed(user, FEED_POLICY),
  readFeedBelow: ({ user, post }) => readFeedBelow(user, post, FEED_POLICY),
  readBeyond: ({ user }) => readBeyond(user, FEED_POLICY),
  readViewer: ({ user }) => readViewer(user, FEED_POLICY),
  readTimeline: ({ user }) => timeline.readTimeline(user, 10),
  readTimelineBelow: ({ user, ms }) => timeline.readTimelineBelow(user, ms, 10),
  timelinesExist: ({ users }) => timeline.timelinesExist(users),
  timelineLives: ({ users }) => timeline.timelineLives(users),
  pushToLiving: ({ users, post }) =>
    timeline.pushToLiving(
      users.map((user, i) => ({ user, lifeMs: i - 1 })),
      post,
    ),
  pushPost: ({ users, post }) => timeline.pushPost(users, post),
  addPosts: ({ user, posts }) => timeline.addPosts(user, entries(posts)),
  removePosts: ({ user, posts }) => timeline.removePosts(user, posts),
  readTimelineMembers: ({ user }) => [timeline.readTimelineMembers(user)],
  readFloor: ({ user }) => [timeline.readFloor(user)],
  timelineLength: ({ user }) => [timeline.timelineLength(user)],
  shedPush: ({ user }) => timeline.shedPush(user),
  raiseFloor: ({ user, ms }) => [timeline.raiseFloor(user, ms)],
  trimTimeline: ({ user }) => [timeline.trimTimeline(user, policy)],
  trimSortedSet: ({ author }) => [timeline.trimSortedSet(`author:${author}`, 10)],
  announce: ({ post, user, ms }) => timeline.announce([{ kind: 'deleted', post }], ms, [{ kind: 'user', user }]),
  readDelta: ({ ms }) => [timeline.readDelta(ms)],
  writePost: (given) => timeline.writePost(record(given)),
  writeDeletedPost: ({ post }) => timeline.writeDeletedPost(post),
  readPost: ({ post }) => [timeline.readPost(post)],
  writeUser: (given) => timeline.writeUser(person(given), 1),
  forgetUser: ({ user }) => [timeline.forgetUser(user, 2)],
  readUser: ({ user }) => [timeline.readUser(user)],
  readHidden: ({ user }) => [timeline.readHidden(user)],
  readCelebrities: ({ user }) => [timeline.readCelebrities(user)],
  raiseGraph: ({ user }) => [timeline.raiseGraph(user)],
  hide: ({ user, author }) => timeline.hide(user, 'b', author),
  unhide: ({ user, author }) => timeline.unhide(user, 'b', author),
  readGraph: ({ user }) => [timeline.readGraph(user)],
  reflectHidden: ({ user, author }) => [timeline.reflectHidden(user, 'u', author, true, '3')],
  addCelebrity: ({ user, author }) => timeline.addCelebrity(user, author),
  removeCelebrity: ({ user, author }) => [timeline.removeCelebrity(user, author)],
  replaceHidden: ({ user, author }) => [timeline.replaceHidden(user, '3', [{ reason: 'b', author }])],
  uniteCelebrities: ({ user, users, ms }) => [timeline.uniteCelebrities(user, '3', { atMs: ms, maxAgeMs: 5 }, users)],
  openRebuild: ({ user }) => timeline.openRebuild(user, 'token'),
  takeTurn: ({ user }) => [timeline.takeTurn(user, 'token')],
  endTurn: ({ user }) => [timeline.endTurn(user)],
  abandonRebuild: ({ user }) => [timeline.abandonRebuild({ user, placeholder: '?token', version: '3' })],
  closeRebuild: (given) => [
    timeline.closeRebuild({ user: given.user, placeholder: '?token', version: '3' }, followed(given)),
  ],
  readAuthorList: ({ author }) => [timeline.readAuthorList(author, policy)],
  authorListLife: ({ author }) => [timeline.authorListLife(author)],
  claimAuthorList: ({ author }) => [timeline.claimAuthorList(author, 'token')],
  addToAuthorList: ({ author, post }) => timeline.addToAuthorList(author, post),
  removeFromAuthorList: ({ author, post }) => [timeline.removeFromAuthorList(author, post)],
  trimAuthorList: ({ author }) => [timeline.trimAuthorList(author, policy)],
  pulledAuthorList: (given) => timeline.pulledAuthorList(given.author, followed(given)).keep,
  writeOwnPost: (given) => timeline.writeOwnPost(record(given)),
  deleteOwnPost: ({ author, post, ms }) => timeline.deleteOwnPost(author, post, ms),
}

describe('what core builds', () => {
  it.each(Object.keys(BUILDERS))('%s: no command has keys in two slots', (name) => {
    fc.assert(
      fc.property(arguments_, (given) => {
        for (const command of BUILDERS[name]!(given)) expect(commandSlot(command)).toBeTypeOf('number')
      }),
    )
  })

  it.each(Object.keys(SPREAD))('%s: has keys in several slots, which MGET alone may', (name) => {
    fc.assert(
      fc.property(arguments_, (given) => {
        for (const command of SPREAD[name]!(given)) {
          expect(command[0]).toBe('MGET')
          const slots = new Set(keysOf(command).map(keySlot))
          expect(commandSlot(command)).toBe(slots.size > 1 ? 'several' : [...slots][0])
        }
      }),
    )
  })

  it("reads a feed's counts from several slots", () => {
    const [one, other] = [firstIdAt(1_764_000_000_000), firstIdAt(1_764_000_000_001)]
    expect(commandSlot(timeline.readCounts([one, other]))).toBe('several')
  })

  it("reads a feed's candidates from one slot", () => {
    fc.assert(
      fc.property(arguments_, (given) => {
        const slots = [...BUILDERS.readFeed!(given), ...BUILDERS.openRebuild!(given)].map(commandSlot)
        expect(new Set(slots)).toEqual(new Set([keySlot(given.user)]))
      }),
    )
  })

  it('is all looked at above', () => {
    const folder = new URL('./', import.meta.url)
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    const sources = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    const found = sources.flatMap((file) => {
      const text = readFileSync(new URL(file, folder), 'utf8')
      const exported = text.matchAll(/^export (?:async )?(?:function|const) (\w+)(?: = )?\(([\s\S]*?)(?:\{\n|=>)/gm)
      return [...exported].filter(([, , signature]) => /\bCommand\b/.test(signature ?? '')).map(([, name]) => name)
    })
    expect(found.length).toBeGreaterThan(30)
    expect(found.filter((name) => (BUILDERS[name ?? ''] ?? SPREAD[name ?? '']) === undefined)).toEqual([])
  })
})
