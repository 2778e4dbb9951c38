/** Timelines: what a read says, and what trimming leaves. */
import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { directRedis } from '../../test/interleavings/redis.ts'
import { compareIds, firstIdAt, type Id, idMs } from '../ids.ts'
import { keys } from '../keys.ts'
import type { Command } from '../redis.ts'
import {
  addPosts,
  livingAmong,
  parseTimeline,
  pushPost,
  pushToLiving,
  readTimeline,
  readTimelineBelow,
  timelineLives,
  trimTimeline,
} from './index.ts'

const engine = directRedis(() => 1_764_000_000_000)
const run = (commands: readonly Command[]) => commands.map((command) => engine.execute(command))
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

test('a push looks first, writes what lives, and gives an end to what has none or is about to', () => {
  const [lasting, endless, ending, absent] = ['11', '12', '13', '14'] as const
  const all = [lasting, endless, ending, absent]
  run([lasting, endless, ending].map((user) => ['ZADD', keys.timeline(user), 0, '~']))
  run([
    ['EXPIRE', keys.timeline(lasting), 80_000],
    ['EXPIRE', keys.timeline(ending), 60],
  ])
  const living = livingAmong(all, run(timelineLives(all)))
  expect(living.map(({ user }) => user)).toEqual([lasting, endless, ending])
  const push = pushToLiving(living, at(1))
  expect(push.filter(([name]) => name === 'EXPIRE').map(([, key]) => key)).toEqual([endless, ending].map(keys.timeline))
  run(push)
  const lives = run(all.map((user) => ['TTL', keys.timeline(user)]))
  expect(lives).toEqual([80_000, 86_400, 60, -2])
  expect(run([['ZCARD', keys.timeline(lasting)]])).toEqual([2])
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
