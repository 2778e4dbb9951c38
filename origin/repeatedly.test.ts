import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createLogger } from './observe/logger.ts'
import { repeatedly, wakeable } from './repeatedly.ts'

const logger = createLogger({ level: 'silent' })
beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('runs a round after every pause, also after one that failed, and none after it was stopped', async () => {
  let rounds = 0
  const stop = repeatedly('test', 1_000, logger, async () => {
    rounds++
    throw new Error('away')
  })
  expect(rounds).toBe(0)
  await vi.advanceTimersByTimeAsync(3_500)
  expect(rounds).toBe(3)
  await stop()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(rounds).toBe(3)
})

it('tells of an outage when it begins, ever less often while it lasts, and when it is over', async () => {
  const lines: string[] = []
  const told = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } })
  let rounds = 0
  const stop = repeatedly('test', 1_000, told, async () => {
    if (++rounds <= 25) throw new Error('away')
  })
  await vi.advanceTimersByTimeAsync(30_500)
  await stop()
  expect(lines.map((line) => JSON.parse(line)).map(({ msg, failures }) => [msg, failures])).toEqual([
    ['a repeated task failed', 1],
    ['a repeated task failed', 10],
    ['a repeated task works again', 25],
  ])
})

it('steps on while there is something to do, then waits, unless it is woken', async () => {
  let left = 3
  let steps = 0
  const loop = wakeable('test', 1_000, logger, async () => {
    steps++
    return --left > 0
  })
  loop.wake()
  await vi.advanceTimersByTimeAsync(0)
  expect(steps).toBe(3)
  loop.wake()
  await vi.advanceTimersByTimeAsync(0)
  expect(steps).toBe(4)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(steps).toBe(5)
  await loop.stop()
  loop.wake()
  await vi.advanceTimersByTimeAsync(5_000)
  expect(steps).toBe(5)
})

it('stops when the step under way has ended, and takes one more step when it was woken meanwhile', async () => {
  const ends: (() => void)[] = []
  const loop = wakeable('test', 1_000, logger, () => new Promise((end) => ends.push(() => end(false))))
  loop.wake()
  loop.wake()
  ends[0]!()
  await vi.advanceTimersByTimeAsync(0)
  expect(ends).toHaveLength(2)
  let isStopped = false
  const stopped = loop.stop().then(() => {
    isStopped = true
  })
  await vi.advanceTimersByTimeAsync(5_000)
  expect(isStopped).toBe(false)
  ends[1]!()
  await stopped
})
