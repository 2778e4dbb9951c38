/** hidden:{u} and celebs:{u}. */
import { beforeEach, expect, test } from 'vitest'
import { directRedis } from '../../test/interleavings/redis.ts'
import type { Id } from '../ids.ts'
import type { Command } from '../redis.ts'
import {
  hide,
  parseCelebrities,
  parseHidden,
  readCelebrities,
  readHidden,
  reflectHidden,
  replaceHidden,
  unhide,
  uniteCelebrities,
} from './index.ts'

const engine = directRedis(() => 1_764_000_000_000)
const run = (commands: readonly Command[]) => commands.map((command) => engine.execute(command))
const u: Id = '7'

beforeEach(() => void run([['FLUSHALL']]))

const hidden = () => parseHidden(run([readHidden(u)])[0])

test('hidden authors are unknown until rebuilt; then writers add and remove', () => {
  run(hide(u, 'b', '9'))
  expect(hidden()).toBeNull()
  run([replaceHidden(u, '1', [{ reason: 'm', author: '8' }])])
  run([...hide(u, 'b', '9'), ...hide(u, 'u', '10'), ...unhide(u, 'm', '8')])
  expect(hidden()).toEqual({ everywhere: new Set(['9']), unfollowed: new Set(['10']) })
})

test('a set that was read before a block is not written after it', () => {
  run(hide(u, 'b', '9'))
  expect(run([replaceHidden(u, '', [{ reason: 'm', author: '8' }])])).toEqual([0])
  expect(hidden()).toBeNull()
})

test('a consumer changes a hidden entry only while the graph stands still', () => {
  run([replaceHidden(u, '', [])])
  expect(run([reflectHidden(u, 'u', '9', true, '')])).toEqual([1])
  expect(hidden()?.unfollowed).toEqual(new Set(['9']))
  expect(run([reflectHidden(u, 'u', '9', false, '')])).toEqual([0])
  expect(run([reflectHidden(u, 'u', '9', false, '1')])).toEqual([1])
  expect(hidden()?.unfollowed).toEqual(new Set())
})

test('celebrities are unknown when never built, or too long ago', () => {
  const known = (age: number) => parseCelebrities(run([readCelebrities(u)])[0], 1_000 + age, 3_600_000)
  expect(known(0)).toBeNull()
  run([uniteCelebrities(u, '', { atMs: 1_000, maxAgeMs: 3_600_000 }, ['9'])])
  expect(known(3_600_000)).toEqual({ authors: ['9'], builtAt: 1_000 })
  expect(known(3_600_001)).toBeNull()
})

test('of two rebuilds of celebrities neither takes out what the other knows, until the set is too old', () => {
  const write = (atMs: number, authors: Id[]) => run([uniteCelebrities(u, '', { atMs, maxAgeMs: 1_000 }, authors)])
  const known = (nowMs: number) => parseCelebrities(run([readCelebrities(u)])[0], nowMs, 1_000)
  write(2_000, ['9'])
  write(1_500, [])
  expect(known(2_100)).toEqual({ authors: ['9'], builtAt: 2_000 })
  write(3_001, ['8'])
  expect(known(3_001)).toEqual({ authors: ['8'], builtAt: 3_001 })
})
