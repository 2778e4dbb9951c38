import { expect, test } from 'vitest'
import { RedisAwayError } from '#core/redis.ts'
import { createLanes, LANE_LIMITS, type Lane } from './lanes.ts'

/** Lanes on a clock of ours, with work that ends when it is told to. */
function stage() {
  let nowMs = 0
  const lanes = createLanes(() => nowMs)
  const started: string[] = []
  const ends = new Map<string, () => void>()
  const work = (lane: Lane, name: string) =>
    lanes.run(lane, () => {
      started.push(name)
      return new Promise<void>((resolve) => ends.set(name, resolve))
    })
  const settle = () => new Promise((resolve) => setImmediate(resolve))
  return {
    lanes,
    started,
    work: async (lane: Lane, name: string) => {
      const done = work(lane, name)
      await settle()
      return { done }
    },
    async end(name: string, afterMs = 0) {
      nowMs += afterMs
      ends.get(name)?.()
      await settle()
    },
    pass: (ms: number) => {
      nowMs += ms
    },
  }
}
type Stage = ReturnType<typeof stage>

async function fill({ work }: Stage, from = 0): Promise<string[]> {
  const names = Array.from({ length: LANE_LIMITS.turns }, (_, i) => `page ${from + i}`)
  for (const name of names) await work('page', name)
  return names
}

test('small authors wait for nobody, however many pages do', async () => {
  const s = stage()
  const first = await fill(s)
  await fill(s, 8)
  expect(s.started).toEqual(first)
  await s.work('small', 'small')
  expect(s.started.at(-1)).toBe('small')
})

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

test('low is not never: whoever has waited for long goes next', async () => {
  const s = stage()
  const names = await fill(s)
  await s.work('purge', 'purge')
  await s.work('page', 'late page')
  s.pass(LANE_LIMITS.patienceMs - 1)
  await s.work('page', 'later page')
  s.pass(1)
  // Pages that took so long have cost half of the turns.
  for (const name of names.slice(0, 5)) await s.end(name)
  expect(s.started.at(-1)).toBe('late page')
  await s.end(String(names[5]))
  expect(s.started.at(-1)).toBe('purge')
})

test('slow answers halve the turns, once for all that were under way; quick ones bring them back', async () => {
  const s = stage()
  for (const name of await fill(s)) await s.end(name, name === 'page 0' ? LANE_LIMITS.slowMs + 1 : 0)
  expect(s.lanes.state().turns).toBe(LANE_LIMITS.turns / 2)
  for (let i = 0; i < 40; i++) {
    await s.work('page', `again ${i}`)
    await s.end(`again ${i}`)
  }
  expect(s.lanes.state().turns).toBe(LANE_LIMITS.turns)
})

test('one turn is left, however slow Redis is or however full, and one that does not answer is slow', async () => {
  const s = stage()
  for (let i = 0; i < 10; i++) {
    const away = s.lanes.run('page', () => Promise.reject(new RedisAwayError('gone')))
    await expect(away).rejects.toThrow('gone')
    s.pass(LANE_LIMITS.slowMs)
  }
  expect(s.lanes.state().turns).toBe(1)
  const full = stage()
  full.lanes.squeeze(true)
  await fill(full)
  expect(full.started).toEqual(['page 0'])
  expect(full.lanes.state()).toEqual({ turns: 1, waiting: { page: 7, hot: 0, purge: 0 } })
  full.lanes.squeeze(false)
  await full.work('page', 'more')
  expect(full.started).toHaveLength(LANE_LIMITS.turns)
})
