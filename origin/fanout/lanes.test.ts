import { expect, test } from 'vitest'
import { RedisAwayError, type RedisPort } from '#core/redis.ts'
import { createLanes, LANE_LIMITS, type Lane } from './lanes.ts'

/** Lanes on a clock of ours, with work that ends when it is told to. */
function stage() {
  let nowMs = 0
  const lanes = createLanes(() => nowMs)
  const started: string[] = []
  const ends = new Map<string, () => void>()
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  const under = (name: string) => {
    started.push(name)
    return new Promise<void>((resolve) => ends.set(name, resolve))
  }
  return {
    lanes,
    started,
    async work(lane: Lane, name: string) {
      lanes.run(lane, () => under(name)).catch(() => {})
      await settle()
    },
    async end(name: string, afterMs = 0) {
      nowMs += afterMs
      ends.get(name)?.()
      await settle()
    },
    pass: (ms: number) => {
      nowMs += ms
    },
    /** A Redis that takes so long, and then answers or not. */
    async asked(ms: number, error?: Error) {
      const redis: RedisPort = {
        async pipeline() {
          nowMs += ms
          if (error) throw error
          return []
        },
      }
      await lanes
        .timed(redis)
        .pipeline([])
        .catch(() => {})
    },
  }
}
type Stage = ReturnType<typeof stage>

async function fill({ work }: Stage, from = 0): Promise<string[]> {
  const names = Array.from({ length: LANE_LIMITS.turns }, (_, i) => `page ${from + i}`)
  for (const name of names) await work('page', name)
  return names
}

test('pages go before hot readers, and those before purges', async () => {
  const s = stage()
  const [a, b, c] = await fill(s)
  await s.work('purge', 'purge')
  await s.work('hot', 'hot')
  await s.work('page', 'late page')
  for (const name of [a, b, c]) await s.end(String(name))
  expect(s.started.slice(-3)).toEqual(['late page', 'hot', 'purge'])
})

test('purges leave turns for pages that come in the middle of them', async () => {
  const s = stage()
  for (let i = 0; i < 20; i++) await s.work('purge', `purge ${i}`)
  expect(s.started).toEqual(['purge 0', 'purge 1'])
  // Overdue ones, too.
  s.pass(LANE_LIMITS.patienceMs)
  await s.work('page', 'page')
  expect(s.started.at(-1)).toBe('page')
})

test('low is not never: among pages without end that are overdue themselves, whoever has waited longest goes next', async () => {
  const s = stage()
  s.lanes.squeeze(true)
  for (let i = 0; i < 16; i++) await s.work('page', `page ${i}`)
  await s.work('hot', 'hot')
  await s.work('purge', 'purge')
  // Each page that ends is followed by another, so that sixteen are always there and a page waits for more than five seconds.
  for (let i = 0; i < 200; i++) {
    await s.end(String(s.started.at(-1)), 400)
    if (s.started.length > 18 && s.started.includes('purge')) break
    await s.work('page', `page ${16 + i}`)
  }
  expect(s.started.slice(0, 16).every((name) => name.startsWith('page'))).toBe(true)
  expect(s.started.slice(16, 18)).toEqual(['hot', 'purge'])
})

test('a slow answer halves the turns, once for all that were under way; turns without any bring them back', async () => {
  const s = stage()
  const { promise, resolve } = Promise.withResolvers<never[]>()
  const redis = s.lanes.timed({ pipeline: () => promise })
  const together = Array.from({ length: 8 }, () => redis.pipeline([]))
  s.pass(LANE_LIMITS.slowMs + 1)
  resolve([])
  await Promise.all(together)
  expect(s.lanes.state().turns).toBe(LANE_LIMITS.turns / 2)
  await s.asked(LANE_LIMITS.slowMs + 1)
  expect(s.lanes.state().turns).toBe(LANE_LIMITS.turns / 4)
  // No answer is too slow to count as none, and too quick to count as slow.
  for (let i = 0; i < 40; i++) {
    s.pass(1)
    await s.work('page', `again ${i}`)
    await s.asked(LANE_LIMITS.slowMs)
    await s.end(`again ${i}`)
  }
  expect(s.lanes.state().turns).toBe(LANE_LIMITS.turns)
})

test('what else a turn waits for, such as Postgres, costs none', async () => {
  const s = stage()
  for (let i = 0; i < 20; i++) {
    await s.work('page', `page ${i}`)
    await s.asked(10)
    await s.end(`page ${i}`, 10 * LANE_LIMITS.slowMs)
  }
  expect(s.lanes.state().turns).toBe(LANE_LIMITS.turns)
})

test('a Redis that does not answer is slow; a node that refuses at once says nothing of the others', async () => {
  const s = stage()
  for (let i = 0; i < 10; i++) await s.asked(0, new RedisAwayError('refused'))
  expect(s.lanes.state().turns).toBe(LANE_LIMITS.turns)
  for (let i = 0; i < 10; i++) await s.asked(4 * LANE_LIMITS.slowMs, new RedisAwayError('silent'))
  expect(s.lanes.state().turns).toBe(1)
})

test('one turn is left while Redis is full, and purges have it when nobody else waits', async () => {
  const s = stage()
  s.lanes.squeeze(true)
  await fill(s)
  expect(s.started).toEqual(['page 0'])
  expect(s.lanes.state()).toEqual({ turns: 1, waiting: { page: 7, hot: 0, purge: 0 } })
  s.lanes.squeeze(false)
  await s.work('page', 'more')
  expect(s.started).toHaveLength(LANE_LIMITS.turns)

  const idle = stage()
  idle.lanes.squeeze(true)
  await idle.work('purge', 'purge')
  expect(idle.started).toEqual(['purge'])
})
