import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createAdmission, NoRoomError, urgencyOf } from './admission.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const LIMITS = { atOnce: 2, waiting: 10, waitMs: 1_000 }
const FEED = 1
const OTHER = 3
const BACKGROUND = 7

/** Fills what may go on at once, and answers what ends each. */
const busy = async (limits = LIMITS) => {
  const admission = createAdmission(limits)
  return { admission, leave: [await admission.enter(OTHER), await admission.enter(OTHER)] as const }
}

describe('admission', () => {
  it('lets so many go on at once, and the next when one has ended; ending twice ends one', async () => {
    const { admission, leave } = await busy()
    const third = admission.enter(OTHER)
    const fourth = admission.enter(OTHER)
    expect(admission.waiting).toBe(2)
    leave[0]()
    leave[0]()
    await third
    expect(admission.waiting).toBe(1)
    leave[1]()
    await fourth
    expect(admission.waiting).toBe(0)
  })

  it('takes the most urgent first, and those as urgent in the order in which they came', async () => {
    const { admission, leave } = await busy()
    const order: string[] = []
    const enter = async (name: string, urgency: number) => {
      const end = await admission.enter(urgency)
      order.push(name)
      end()
    }
    const all = [enter('background', BACKGROUND), enter('one', OTHER), enter('two', OTHER), enter('feed', FEED)]
    leave[0]()
    await Promise.all(all)
    expect(order).toEqual(['feed', 'one', 'two', 'background'])
  })

  it('refuses at once what its share of the queue is taken for, background work first and feeds last', async () => {
    const { admission } = await busy()
    for (const [urgency, room] of [
      [BACKGROUND, 4],
      [5, 6],
      [OTHER, 8],
      [FEED, 10],
    ] as const) {
      while (admission.waiting < room) admission.enter(urgency).catch(() => {})
      await expect(admission.enter(urgency)).rejects.toThrow(NoRoomError)
    }
  })

  it('gives the place of what nobody waits for any more to somebody else', async () => {
    const { admission, leave } = await busy()
    const [gone, here] = [new AbortController(), new AbortController()]
    const left = expect(admission.enter(FEED, gone.signal)).rejects.toThrow(NoRoomError)
    const next = admission.enter(OTHER, here.signal)
    gone.abort()
    await left
    expect(admission.waiting).toBe(1)
    leave[0]()
    const end = await next
    here.abort()
    expect(admission.waiting).toBe(0)
    end()
    await vi.advanceTimersByTimeAsync(LIMITS.waitMs)
    expect(admission.waiting).toBe(0)
  })

  it('refuses what has waited too long, and forgets it', async () => {
    const { admission, leave } = await busy()
    const late = expect(admission.enter(OTHER)).rejects.toThrow('waited for 1000 ms')
    await vi.advanceTimersByTimeAsync(1_000)
    await late
    expect(admission.waiting).toBe(0)
    leave[0]()
    const end = await admission.enter(BACKGROUND)
    end()
  })
})

it.each([
  [undefined, 3],
  ['u=1', 1],
  ['i, u=7', 7],
  ['u=0, i', 0],
  ['u=9', 3],
  ['nonsense', 3],
])('Priority: %s is urgency %i', (header, urgency) => {
  expect(urgencyOf(header)).toBe(urgency)
})
