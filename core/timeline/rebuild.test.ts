/** The cold rebuild of a timeline. */
import { beforeEach, expect, test } from 'vitest'
import { directRedis } from '../../test/interleavings/redis.ts'
import { firstIdAt, type Id, idMs } from '../ids.ts'
import { keys } from '../keys.ts'
import type { Command } from '../redis.ts'
import {
  closeRebuild,
  hide,
  openRebuild,
  parseTimeline,
  pushPost,
  readTimeline,
  rebuildTicket,
  shedPush,
} from './index.ts'

let now = 1_764_000_000_000
const engine = directRedis(() => now)
const run = (commands: readonly Command[]) => commands.map((command) => engine.execute(command))
const u: Id = '7'
const at = (ms: number, n = 0): Id => String(BigInt(firstIdAt(1_764_000_000_000 + ms)) + BigInt(n))
const entry = (id: Id) => ({ id, ms: idMs(id) })

beforeEach(() => void run([['FLUSHALL']]))

const read = (n: number) => parseTimeline(run(readTimeline(u, n)), n)

const rebuild = (token: string, ids: readonly Id[], complete = true) => {
  const ticket = rebuildTicket(u, token, run(openRebuild(u, token)))
  return () => run([closeRebuild(ticket, { entries: ids.map(entry), complete })])[0]
}

test('a rebuild marks the timeline and keeps what was pushed meanwhile', () => {
  const close = rebuild('a', [at(2), at(1)])
  run(pushPost([u], at(3)))
  expect(close()).toBe(1)
  expect(read(10)).toEqual({ floor: 0, ids: [at(3), at(2), at(1)], reachedFloor: true })
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
