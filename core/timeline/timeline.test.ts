/** Timelines: what a read says, and what trimming leaves. */
import fc from 'fast-check'
import { beforeEach, expect, test } from 'vitest'
import { directRedis } from '../../test/interleavings/redis.ts'
import { compareIds, firstIdAt, type Id, idMs } from '../ids.ts'
import { keys } from '../keys.ts'
import type { Command, Reply } from '../redis.ts'
import {
  addPosts,
  livingAmong,
  parseTimeline,
  pushPost,
  pushToLiving,
  raiseFloor,
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
const read = (n: number) => parseTimeline(run(readTimeline(u, n)), n)

test('a timeline without its mark is cold, whatever it holds', () => {
  run(pushPost([u], at(1)))
  expect(read(10)).toEqual({ floor: null, ids: [], reachedFloor: false })
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
        expect(got.ids).toEqual(above.slice(0, got.ids.length))
        if (got.reachedFloor) expect(got.ids).toHaveLength(above.length)
        else expect(got.ids.length).toBeGreaterThanOrEqual(n - 2)
      },
    ),
  )
})

test('the pages below read what the first left, boundaries included', () => {
  const ids = [at(9), at(8), at(7, 1), at(7), at(6)]
  mark(ids, idMs(at(6)))
  expect(parseTimeline(run(readTimelineBelow(u, idMs(at(7)), 10)), 10).ids).toEqual([at(7, 1), at(7), at(6)])
  expect(parseTimeline(run(readTimelineBelow(u, idMs(at(5)), 10)), 10).floor).toBeNull()
})

test('a mark that comes or goes while the members are read does not call them whole, a raised one only from itself on', () => {
  run(pushPost([u], at(3)))
  const cold = run(readTimeline(u, 10))
  run([['ZADD', keys.timeline(u), idMs(at(2)), '~']])
  const marked = run(readTimeline(u, 10))
  const between = (before: readonly Reply[], members: readonly Reply[], after: readonly Reply[]) =>
    parseTimeline([before[0] ?? null, members[1] ?? null, after[2] ?? null], 10)
  for (const read of [between(cold, cold, marked), between(marked, cold, cold), between(cold, marked, marked)]) {
    expect(read.floor).toBeNull()
  }
  run([raiseFloor(u, idMs(at(4)))])
  const raised = run(readTimeline(u, 10))
  expect(between(marked, marked, marked)).toMatchObject({ floor: idMs(at(2)), ids: [at(3)] })
  for (const read of [between(marked, raised, raised), between(marked, marked, raised)]) {
    expect(read).toEqual({ floor: idMs(at(4)), ids: [], reachedFloor: true })
  }
})

test('trimming keeps the newest and raises the floor; a cold timeline is left alone', () => {
  const ids = Array.from({ length: 9 }, (_, i) => at(9 - i))
  mark(ids, 0)
  run([trimTimeline(u, { timelineLength: 4 })])
  expect(read(20)).toMatchObject({ floor: idMs(at(6)), ids: ids.slice(0, 4) })
  run([['FLUSHALL'], ...addPosts(u, ids.map(entry)), trimTimeline(u, { timelineLength: 4 })])
  expect(run([['ZCARD', keys.timeline(u)]])).toEqual([9])
})
