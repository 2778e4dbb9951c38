import { expect, test } from 'vitest'
import { batched } from './batches.ts'

test('what comes while a batch is under way goes together in the next', async () => {
  const batches: number[][] = []
  const gates: (() => void)[] = []
  const put = batched<number, null>(3, async (items) => {
    batches.push(items)
    await new Promise<void>((resolve) => gates.push(resolve))
    return items.map(() => null)
  })
  const puts = [put(1), put(2)]
  await expect.poll(() => gates.length).toBe(1)
  puts.push(put(3), put(4), put(5), put(6))
  for (let i = 0; i < 3; i++) {
    await expect.poll(() => gates.length).toBe(i + 1)
    gates[i]?.()
  }
  await Promise.all(puts)
  expect(batches).toEqual([[1, 2], [3, 4, 5], [6]])
})

test('an item fails alone, a batch with all of its items, and the next one comes all the same', async () => {
  let calls = 0
  const put = batched<string, null>(2, async (items) => {
    if (++calls === 2) throw new Error('away')
    return items.map((item) => (item === 'bad' ? new Error('refused') : null))
  })
  const outcomes = await Promise.allSettled(['good', 'bad', 'a', 'b', 'last'].map(put))
  expect(outcomes.map((outcome) => (outcome.status === 'rejected' ? String(outcome.reason) : 'kept'))).toEqual([
    'kept',
    'Error: refused',
    'Error: away',
    'Error: away',
    'kept',
  ])
})
