import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { directRedis } from '../../test/interleavings/redis.ts'
import { compareIds, firstIdAt, type Id, idMs } from '../ids.ts'
import { keys } from '../keys.ts'
import type { Command, RedisPort } from '../redis.ts'
import {
  addPosts,
  addToAuthorList,
  announce,
  type Change,
  closeRebuild,
  DELETED,
  hide,
  openRebuild,
  parseAuthorList,
  parseCelebrities,
  parseDelta,
  parseHidden,
  parsePost,
  parseTimeline,
  parseUser,
  pushPost,
  readAuthorList,
  readCelebrities,
  readDelta,
  readHidden,
  readPost,
  readTimeline,
  readTimelineBelow,
  readUser,
  rebuildAuthorList,
  rebuildCelebrities,
  rebuildHidden,
  rebuildTicket,
  reflectHidden,
  shedPush,
  trimTimeline,
  unhide,
  writeDeletedPost,
  writePost,
  writeUser,
} from './index.ts'

let now = 1_764_000_000_000
const engine = directRedis(() => now)
const run = (commands: readonly Command[]) => commands.map((command) => engine.execute(command))
const redis: RedisPort = { pipeline: async (commands) => run(commands) }
const u: Id = '7'
const at = (ms: number, n = 0): Id => String(BigInt(firstIdAt(1_764_000_000_000 + ms)) + BigInt(n))
const entry = (id: Id) => ({ id, ms: idMs(id) })

beforeEach(() => void run([['FLUSHALL']]))

function mark(ids: readonly Id[], floorMs: number): void {
  run(addPosts(u, ids.map(entry)))
  run([['ZADD', keys.timeline(u), floorMs, '~']])
}
const read = (n: number) => {
  const [floor, members] = run(readTimeline(u, n))
  return parseTimeline(floor, members, n)
}

test('a timeline without its mark is cold, whatever it holds', () => {
  run(pushPost([u], at(1)))
  expect(read(10)).toEqual({ floor: null, entries: [], reachedFloor: false })
})

test('a read is whole down to what it says, with any number of posts in the millisecond of the floor', () => {
  const post = fc.record({ ms: fc.integer({ min: 0, max: 6 }), n: fc.integer({ min: 0, max: 3 }) })
  fc.assert(
    fc.property(
      fc.array(post, { maxLength: 20 }),
      fc.integer({ min: 0, max: 6 }),
      fc.integer({ min: 2, max: 8 }),
      (posts, floor, n) => {
        run([['FLUSHALL']])
        const ids = [...new Set(posts.map(({ ms, n }) => at(ms, n)))].sort((a, b) => compareIds(b, a))
        mark(ids, idMs(at(floor)))
        run([['ZADD', keys.timeline(u), 0, '?token']])
        const got = read(n)
        const above = ids.filter((id) => idMs(id) >= idMs(at(floor)))
        expect(got.entries).toEqual(above.slice(0, got.entries.length).map(entry))
        if (got.reachedFloor) expect(got.entries).toHaveLength(above.length)
        else expect(got.entries.length).toBeGreaterThanOrEqual(n - 2)
      },
    ),
  )
})

test('the pages below read what the first left, boundaries included', () => {
  const ids = [at(9), at(8), at(7, 1), at(7), at(6)]
  mark(ids, idMs(at(6)))
  const [floor, members] = run(readTimelineBelow(u, idMs(at(7)), 10))
  expect(parseTimeline(floor, members, 10).entries).toEqual([at(7, 1), at(7), at(6)].map(entry))
  const [high, none] = run(readTimelineBelow(u, idMs(at(5)), 10))
  expect(parseTimeline(high, none, 10).floor).toBeNull()
})

test('a mark that comes after the members were read does not call them whole', () => {
  run(pushPost([u], at(3)))
  const [, members] = run(readTimeline(u, 10))
  run([['ZADD', keys.timeline(u), 5, '~']])
  const [floor] = run(readTimeline(u, 10))
  expect(parseTimeline(floor, members, 10).floor).toBeNull()
})

test('trimming keeps the newest and raises the floor; a cold timeline is left alone', () => {
  const ids = Array.from({ length: 9 }, (_, i) => at(9 - i))
  mark(ids, 0)
  run([trimTimeline(u, { timelineLength: 4 })])
  expect(read(20)).toMatchObject({ floor: idMs(at(6)), entries: ids.slice(0, 4).map(entry) })
  run([['FLUSHALL'], ...addPosts(u, ids.map(entry)), trimTimeline(u, { timelineLength: 4 })])
  expect(run([['ZCARD', keys.timeline(u)]])).toEqual([9])
})

const rebuild = (token: string, ids: readonly Id[], complete = true) => {
  const ticket = rebuildTicket(u, token, run(openRebuild(u, token)))
  return () => run([closeRebuild(ticket, { entries: ids.map(entry), complete })])[0]
}

test('a rebuild marks the timeline and keeps what was pushed meanwhile', () => {
  const close = rebuild('a', [at(2), at(1)])
  run(pushPost([u], at(3)))
  expect(close()).toBe(1)
  expect(read(10)).toEqual({ floor: 0, entries: [at(3), at(2), at(1)].map(entry), reachedFloor: true })
  expect(run([['TTL', keys.timeline(u)]])).toEqual([86_400])
})

test('a rebuild that was cut does not vouch for the millisecond of its oldest post', () => {
  expect(rebuild('a', [at(2), at(1)], false)()).toBe(1)
  expect(read(10).floor).toBe(idMs(at(1)) + 1)
})

test('a rebuild writes nothing when the graph moved, a push was shed, its placeholder died, or the key did', () => {
  const upsets: (() => unknown)[] = [
    () => run(hide(u, 'u', '9')),
    () => run(shedPush(u)),
    () => run([['DEL', keys.timeline(u)]]),
    () => {
      now += 61_000
    },
  ]
  for (const upset of upsets) {
    run([['FLUSHALL']])
    const close = rebuild('a', [at(1)])
    upset()
    expect(close()).toBe(0)
    expect(read(10).floor).toBeNull()
  }
})

test('of two rebuilds the higher floor stands', () => {
  const first = rebuild('a', [at(5), at(4)], false)
  const second = rebuild('b', [at(5), at(4), at(1)])
  expect([second(), first()]).toEqual([1, 1])
  expect(read(10).floor).toBe(idMs(at(4)) + 1)
})

test("an author's list is unknown until it is rebuilt, and keeps what is written meanwhile", async () => {
  run(addToAuthorList('9', at(5)))
  const policy = { authorLength: 200 }
  expect(parseAuthorList('9', run([readAuthorList('9', policy)])[0])).toBeNull()
  const authorPosts = async () => {
    run(addToAuthorList('9', at(6)))
    return { entries: [at(5), at(4)].map(entry), complete: false }
  }
  expect(await rebuildAuthorList('9', { redis, authorPosts })).toMatchObject({ floor: idMs(at(4)) + 1 })
  const list = parseAuthorList('9', run([readAuthorList('9', policy)])[0])
  expect(list).toEqual({ author: '9', floor: idMs(at(4)) + 1, entries: [at(6), at(5)].map(entry) })
})

test('an author without posts has a list that says so', async () => {
  await rebuildAuthorList('9', { redis, authorPosts: async () => ({ entries: [], complete: true }) })
  const reply = run([readAuthorList('9', { authorLength: 200 })])[0]
  expect(parseAuthorList('9', reply)).toEqual({ author: '9', floor: 0, entries: [] })
})

const hidden = () => parseHidden(run([readHidden(u)])[0])

test('hidden authors are unknown until rebuilt; then writers add and remove', async () => {
  run(hide(u, 'b', '9'))
  expect(hidden()).toBeNull()
  await rebuildHidden(u, { redis, hiddenAuthors: async () => [{ reason: 'm', author: '8' }] })
  run([...hide(u, 'b', '9'), ...hide(u, 'u', '10'), ...unhide(u, 'm', '8')])
  expect(hidden()).toEqual({ everywhere: new Set(['9']), unfollowed: new Set(['10']) })
})

test('a rebuilt set is left unknown when a block came in between, and still answers what was read', async () => {
  const hiddenAuthors = async () => {
    run(hide(u, 'b', '9'))
    return [{ reason: 'm' as const, author: '8' }]
  }
  expect((await rebuildHidden(u, { redis, hiddenAuthors })).everywhere).toEqual(new Set(['8']))
  expect(hidden()).toBeNull()
})

test('a consumer changes a hidden entry only while the graph stands still', async () => {
  await rebuildHidden(u, { redis, hiddenAuthors: async () => [] })
  expect(run([reflectHidden(u, 'u', '9', true, '')])).toEqual([1])
  expect(hidden()?.unfollowed).toEqual(new Set(['9']))
  expect(run([reflectHidden(u, 'u', '9', false, '')])).toEqual([0])
  expect(run([reflectHidden(u, 'u', '9', false, '1')])).toEqual([1])
  expect(hidden()?.unfollowed).toEqual(new Set())
})

test('celebrities are unknown when never built, or too long ago', async () => {
  const known = (age: number) => parseCelebrities(run([readCelebrities(u)])[0], 1_000 + age, 3_600_000)
  expect(known(0)).toBeNull()
  const followedCelebrities = async () => ['9']
  await rebuildCelebrities(u, 1_000, { redis, followedCelebrities })
  expect(known(3_600_000)).toEqual({ authors: ['9'], builtAt: 1_000 })
  expect(known(3_600_001)).toBeNull()
})

test('the delta says which sessions ended', () => {
  const ended: Change = { kind: 'session', session: '0190b3f2-5a7e-7c3d-9e1f-1a2b3c4d5e6f' }
  run(announce([ended], 1_000_000))
  expect(parseDelta(run([readDelta(1_000_000)])[0], 1_000_000).changes).toEqual([ended])
})

test('the delta overlaps, replaces former counts, forgets, and passes over what it does not know', () => {
  const counts = (likes: number): Change => ({ kind: 'counts', post: '5', likes, comments: 2 })
  run(announce([counts(1), { kind: 'user', user: '9' }], 1_000_000))
  run(announce([counts(2)], 1_004_000, [counts(1)]))
  run([
    ['ZADD', keys.delta(), 1_003_000, 'x:1:2'],
    ['ZADD', keys.delta(), 1_003_000, 'c:no:1:2'],
    ['ZADD', keys.delta(), 1_003_000, 's:no-session'],
  ])
  const since = (ms: number) => parseDelta(run([readDelta(ms)])[0], ms)
  expect(since(1_005_000)).toEqual({ changes: [{ kind: 'user', user: '9' }, counts(2)], newestMs: 1_005_000 })
  expect(since(1_005_001).changes).toEqual([counts(2)])
  expect(since(0).newestMs).toBe(1_004_000)
  run(
    announce(
      [
        { kind: 'deleted', post: '6' },
        { kind: 'celebrity-post', author: '9', post: '6' },
      ],
      1_604_000,
    ),
  )
  expect(since(0).changes).toEqual([
    { kind: 'deleted', post: '6' },
    { kind: 'celebrity-post', author: '9', post: '6' },
  ])
})

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
      run(writePost(record, { likes, comments: 1 }).map(utf8))
      const found = parsePost(record.id, decoded(run([readPost(record.id)])[0]))
      expect(found).toEqual({ post: record, counts: { likes, comments: 1 } })
    }),
  )
  const user = { id: '9', username: 'ada', displayName: '', avatar: null, isPrivate: true }
  run(writeUser(user))
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
