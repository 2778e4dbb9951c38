import { expect, test } from 'vitest'
import { makeEvent } from '#core/events.ts'
import type { Subscription } from '../event-log.ts'
import { createLogger } from '../observe/logger.ts'
import { createMetrics } from '../observe/metrics.ts'
import { enqueue, holdPartition } from './held-partition.ts'
import { logMetrics } from './log-metrics.ts'
import { createProcessor } from './processor.ts'

const EVENTS = 6

/** A partition with events that wait, and a subscription whose handlers end when they are told to. */
function partition(subscription: Pick<Subscription<'user.changed'>, 'together' | 'concurrency'>) {
  const held = holdPartition({ member: 'm', group: 'g', topic: 'user.changed', partition: 0 }, 0)
  const begun: number[] = []
  const endings = new Map<number, (error?: Error) => void>()
  const processor = createProcessor<'user.changed'>({
    subscription: {
      ...{ group: 'g', topics: ['user.changed'], ...subscription },
      handle: (_, { offset }) =>
        new Promise((resolve, reject) => {
          begun.push(offset)
          endings.set(offset, (error) => (error ? reject(error) : resolve()))
        }),
    },
    ...{ concurrency: 8, backoff: { firstMs: 1, maxMs: 1 }, clock: Date.now, random: Math.random },
    bury: async () => {},
    advanced: () => {},
    logger: createLogger({ level: 'silent' }),
    metrics: logMetrics(createMetrics()),
  })
  const data = { userId: '1', version: 1 }
  const value = makeEvent({ type: 'user.changed', key: '1', actor: null, data }, Date.now, Math.random)
  const rows = Array.from({ length: EVENTS }, (_, offset) => ({ topic: 'user.changed', partition: 0, offset, value }))
  enqueue(
    held,
    rows.map((row) => ({ ...row, headers: null })),
  )
  processor.kick(held)
  const end = async (offset: number, error?: Error) => {
    await expect.poll(() => endings.has(offset)).toBe(true)
    endings.get(offset)?.(error)
    endings.delete(offset)
  }
  return { held, begun, end }
}

test('a partition hands out one event after the other', async () => {
  const { held, begun, end } = partition({})
  for (let offset = 0; offset < EVENTS; offset++) {
    await end(offset)
    expect(begun).toEqual(Array.from({ length: offset + 1 }, (_, i) => i))
  }
  await expect.poll(() => held.handled).toBe(EVENTS)
})

test('events together end in any order; the place moves when all of them are settled', async () => {
  const { held, begun, end } = partition({ together: 3 })
  for (const offset of [2, 0]) await end(offset)
  expect([begun, held.handled]).toEqual([[0, 1, 2], 0])
  await end(1)
  await expect.poll(() => held.handled).toBe(3)
  for (const offset of [3, 4, 5]) await end(offset)
  await expect.poll(() => held.handled).toBe(EVENTS)
})

test('of events together only those that fail are handled again', async () => {
  const { held, begun, end } = partition({ together: 3 })
  for (const offset of [0, 2]) await end(offset)
  await end(1, new Error('not now'))
  await end(1)
  await expect.poll(() => held.handled).toBe(3)
  expect(begun.slice(0, 4)).toEqual([0, 1, 2, 1])
})

test('a partition that is given up while events are together keeps its place', async () => {
  const { held, end } = partition({ together: 3 })
  await end(0)
  held.over.abort()
  await end(1, new Error('too late'))
  await end(2)
  await held.working
  expect(held.handled).toBe(0)
})

test('no more handlers work at once than the subscription says', async () => {
  const { begun, end } = partition({ together: EVENTS, concurrency: 2 })
  await end(0)
  await expect.poll(() => begun).toEqual([0, 1, 2])
})
