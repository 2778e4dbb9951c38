/** The delta. */
import { beforeEach, expect, test } from 'vitest'
import { directRedis } from '../../test/interleavings/redis.ts'
import { keys } from '../keys.ts'
import type { Command } from '../redis.ts'
import { announce, type Change, parseDelta, readDelta } from './index.ts'

const engine = directRedis(() => 1_764_000_000_000)
const run = (commands: readonly Command[]) => commands.map((command) => engine.execute(command))

beforeEach(() => void run([['FLUSHALL']]))

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
